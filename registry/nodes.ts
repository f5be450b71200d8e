import { promises as fs } from "node:fs";
import { join } from "node:path";
import { list } from "./claims";
import { RegistryError } from "./errors";
import { readJson } from "./files";
import { nodeRecordPath } from "./layout";
import { type NodeFile, nodeFileSchema } from "./schema";

/** A server that has not written its record for so long, while others have, is not coming back. */
const GONE_MS = 24 * 3_600_000;

/** Removes the records of servers that went long ago: every launch makes one, and all of them are read every few seconds. */
export async function forgetNodes(
  runtimeRoot: string,
  nodes: readonly NodeFile[],
  now: number,
): Promise<void> {
  // Neither a clock that is ahead here nor one that is ahead elsewhere makes all others old.
  const newest = Math.min(now, Math.max(...nodes.map(({ time }) => Date.parse(time))));
  for (const { instance, time } of nodes)
    if (newest - Date.parse(time) > GONE_MS)
      await fs.rm(nodeRecordPath(runtimeRoot, instance), { force: true });
}

/** What each server last said about itself, in order of their names. A record that cannot be read tells nothing and is left out. */
export async function readNodes(runtimeRoot: string): Promise<NodeFile[]> {
  const folder = join(runtimeRoot, "nodes");
  const files = (await list(folder)).filter((file) => file.endsWith(".json") && !file.startsWith("."));
  const read = await Promise.all(
    files.map((file) =>
      readJson(join(folder, file), nodeFileSchema).catch((error: unknown) => {
        if (error instanceof RegistryError) return undefined;
        throw error;
      }),
    ),
  );
  return read
    .filter((node) => node !== undefined)
    .sort((a, b) => (a.instance < b.instance ? -1 : a.instance > b.instance ? 1 : 0));
}
