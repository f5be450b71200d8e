// Compares the pure model of peer changes with the real `wg`: random states, one after the other, on one interface.
import assert from "node:assert/strict";
import fc from "fast-check";
import { wgDevice } from "../../../agent/device";
import { exec } from "../../../agent/exec";
import { wgCommands } from "../../../wireguard/commands";
import { diffPeers } from "../../../wireguard/diff";
import { canonical, peerSet } from "../../wireguard/arbitraries";
import { step, tool } from "./support";

async function main(): Promise<void> {
  await tool("ip", "link", "add", "wg0", "type", "wireguard").catch(() => tool("wireguard-go", "wg0"));
  const device = wgDevice("wg0", exec);
  for (const [index, desired] of fc.sample(peerSet, { numRuns: 60, seed: 7 }).entries()) {
    const { dump } = await device.observe();
    await device.apply(wgCommands("wg0", diffPeers(desired, dump.peers)));
    const after = (await device.observe()).dump.peers;
    assert.deepEqual(canonical(after), canonical(desired), `state ${index}`);
    assert.deepEqual(diffPeers(desired, after), [], `state ${index}: nothing left to do`);
  }
  step("model");
  await scale(device, 10_000);
}

/** Ten thousand clients on a fresh interface, then one more: printed, not judged. */
async function scale(device: ReturnType<typeof wgDevice>, count: number): Promise<void> {
  const desired = Array.from({ length: count }, (_, i) => ({
    publicKey: Buffer.from(`client ${i}`.padEnd(32)).toString("base64"),
    allowedIps: [`10.100.${i >> 8}.${i & 255}/32`],
  }));
  await device.apply(wgCommands("wg0", diffPeers([], (await device.observe()).dump.peers)));
  const ms = async (work: () => Promise<unknown>) => {
    const started = performance.now();
    await work();
    return Math.round(performance.now() - started);
  };
  const apply = await ms(() => device.apply(wgCommands("wg0", diffPeers(desired, []))));
  const observe = await ms(() => device.observe());
  const one = await ms(() =>
    device.apply(wgCommands("wg0", [{ kind: "remove", publicKey: desired[0]?.publicKey ?? "" }])),
  );
  assert.equal((await device.observe()).dump.peers.length, count - 1);
  step("scale", { count, apply, observe, one });
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
