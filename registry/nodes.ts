import { join } from "node:path";
import { list } from "./claims";
import { RegistryError } from "./errors";
import { readJson } from "./files";
import { type NodeFile, nodeFileSchema } from "./schema";

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
