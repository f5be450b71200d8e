/** `wgc client add` once more, after an answer that was lost: what it makes anew each time must not make another request of it. */
import { randomUUID } from "node:crypto";
import type { ClientView } from "../control/answers";
import { ControlFailure } from "../control/client";
import type { Input } from "../control/protocol";
import type { Answer, Control } from "./operator";

/** Nobody repeats a command later than that because its answer was lost. */
const AGAIN_MS = 86_400_000;

/** Adds a client; one that is there, by this command as it was given a while ago, is no conflict. */
export async function addOrRepeat(control: Control, input: Input<"add">): Promise<Answer<"add">> {
  try {
    return await control.call("add", input, { requestKey: randomUUID() });
  } catch (error) {
    if (!(error instanceof ControlFailure) || error.error.code !== "conflict") throw error;
    const there = await control.call("show", { name: input.name }).catch(() => undefined);
    if (there?.result.client.publicKey !== input.publicKey) throw error;
    const same = asBefore(input, there.result.client);
    return control.call("add", same, { requestKey: randomUUID() });
  }
}

/** The wishes that come out otherwise each time, as they came out then: a preshared key, and an end that is counted from now. */
function asBefore({ presharedKey, expiresAt, ...input }: Input<"add">, there: ClientView): Input<"add"> {
  const later = Date.parse(expiresAt ?? "") - Date.parse(there.expiresAt ?? "");
  const end = later > 0 && later <= AGAIN_MS ? there.expiresAt : expiresAt;
  return {
    ...input,
    ...(presharedKey === undefined || there.hasPresharedKey ? {} : { presharedKey }),
    ...(end === undefined ? {} : { expiresAt: end }),
  };
}
