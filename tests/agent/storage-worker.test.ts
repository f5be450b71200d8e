import { promises as fs } from "node:fs";
import { join } from "node:path";
import type { StorageMessage } from "../../agent/storage-protocol";
import { StorageWorker } from "../../agent/storage-worker";
import { nodeRecordPath } from "../../registry/layout";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();

test("who asks for the servers' records gets all, and those of servers that went long ago are gone afterwards", async () => {
  const root = join(folder, "runtime");
  await fs.mkdir(join(root, "nodes"), { recursive: true });
  const rest = { schema: 1, revision: 3, peers: 2, healthy: true, version: "1" };
  const now = Date.now();
  for (const [instance, age] of [
    ["i-1", 0],
    ["i-2", 25 * 3_600_000],
  ] as const) {
    const record = { ...rest, instance, time: new Date(now - age).toISOString() };
    await fs.writeFile(nodeRecordPath(root, instance), JSON.stringify(record));
  }
  const ask = async () => {
    const messages: StorageMessage[] = [];
    const worker = new StorageWorker((message) => messages.push(message));
    await worker.handle({ id: 1, operation: "readNodes", args: { runtimeRoot: root } });
    const [answer] = messages;
    if (answer?.kind !== "answer") throw new Error(JSON.stringify(answer));
    return (answer.value as { instance: string }[]).map(({ instance }) => instance);
  };
  expect([await ask(), await ask()]).toEqual([["i-1", "i-2"], ["i-1"]]);
});
