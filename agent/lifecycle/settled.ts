import { promises as fs } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { readJson, replaceFile, toJson } from "../../registry/files";

const schema = z.object({ instance: z.string(), target: z.string() });

/**
 * The state on the way to which this instance owes nothing any more: a file in the agent's own folder, so that an agent that starts
 * again does not call again. It names the instance, because an image may be made of a server.
 */
export class SettledTarget {
  private readonly path: string;

  constructor(
    private readonly statePath: string,
    private readonly instance: string,
  ) {
    this.path = join(statePath, "lifecycle.json");
  }

  /** The state; undefined when there is none. @throws RegistryError when the file is broken */
  async read(): Promise<string | undefined> {
    const known = await readJson(this.path, schema);
    return known?.instance === this.instance ? known.target : undefined;
  }

  async save(target: string): Promise<void> {
    await fs.mkdir(this.statePath, { recursive: true, mode: 0o700 });
    await replaceFile(this.path, toJson({ instance: this.instance, target }), { mode: 0o600 });
  }
}
