import { readChanges } from "../../registry/reader";
import { markOf, readRequest, storeRequest } from "../../registry/requests";
import { abortRotation, beginRotation, finishRotation, rotationState } from "../../registry/server-key";
import type { Answer, OperationContext, Perform } from "./context";

/** The rotation of the server key: where it stands, and its steps. */
export const serverKey: Perform<"serverKey"> = async (input, context) => {
  if (input.action === "status") return stateAt((await readChanges(context.root)).revision, context);
  const { requestKey } = context.change;
  if (requestKey === undefined) return step(input, context);
  // `finish` a second time would be an error, so the request that did it is known again when its answer was lost.
  const mark = markOf(requestKey, "serverKey", input);
  const before = await readRequest(context.root, mark, context.now);
  if (before !== undefined) return stateAt(before.revision, context);
  const answer = await step(input, context);
  const { revision } = answer;
  await storeRequest(context.root, mark, { operation: "serverKey", revision, value: null, now: context.now });
  return answer;
};

async function step(
  { action, force }: Parameters<Perform<"serverKey">>[0],
  { root, change, writerOptions }: OperationContext,
): Promise<Answer<"serverKey">> {
  const { value, revision } =
    action === "finish"
      ? await finishRotation(root, change, { ...writerOptions, force })
      : action === "abort"
        ? await abortRotation(root, change, writerOptions)
        : await beginRotation(root, change, writerOptions);
  return { revision, result: value };
}

async function stateAt(revision: number, { root, now }: OperationContext): Promise<Answer<"serverKey">> {
  return { revision, result: await rotationState(root, now) };
}
