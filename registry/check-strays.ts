import { promises as fs } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { list } from "./claims";
import { readText, removeFile } from "./files";
import type { RegistryPaths } from "./layout";
import type { Session } from "./session";

/** What was found, and how it is mended where that can be done without knowing more. */
export interface Found {
  readonly path: string;
  readonly problem: string;
  /** What a person does; where it is missing, the repair does it. */
  readonly remedy?: string;
  readonly repair?: (session: Session) => Promise<void>;
}

/** Something that the repair mends. */
export function found(path: string, problem: string, repair: (session: Session) => Promise<void>): Found {
  return { path, problem, repair };
}

/** A temporary file that is there for so long was left by a dead writer: living ones need it for milliseconds. */
const TEMPORARY_MS = 1500;
/** How this code names temporary files: `.alice.json.4711.0123456789ab`. */
const TEMPORARY = /^\..+\.\d+\.[0-9a-f]{12}$/;
/** What an NFS client makes of a file that is removed while somebody reads it; it goes by itself. */
const SILLY = /^\.nfs[0-9a-f]+$/i;

/** What does not belong into a registry's folders: files of others, and temporary ones of dead writers. */
export class Strays {
  private readonly all: Found[] = [];
  private readonly temporary: string[] = [];
  private readonly began = performance.now();

  constructor(
    private readonly paths: RegistryPaths,
    private readonly temporaryMs = TEMPORARY_MS,
  ) {}

  /** The registry's own files, what is beside them, and temporary files. */
  async look(locked: boolean): Promise<void> {
    const { root, serverFolder, clients, addresses, keys, requests } = this.paths;
    const known = ["cluster.json", "server", "clients", "addresses", "keys", "requests", "changes.json"];
    const beside = ["audit.log", "lock", "lock.clear", "runtime", "lost+found"];
    await this.folder(root, new Set([...known, ...beside]), false);
    const ofServer = ["private.key", "public.key", "next.key", "rotation.json", "former.json"];
    await this.folder(serverFolder, new Set(ofServer), false);
    for (const folder of [clients, addresses, keys, requests]) await this.folder(folder, undefined, locked);
    for (const folder of [keys, requests]) {
      const make = async () => void (await fs.mkdir(folder, { recursive: true, mode: 0o700 }));
      const there = await fs.stat(folder).catch(() => undefined);
      if (there === undefined) this.all.push(found(folder, "is missing", make));
    }
  }

  private async folder(
    folder: string,
    known: ReadonlySet<string> | undefined,
    writersOnly: boolean,
  ): Promise<void> {
    for (const file of await list(folder)) {
      const path = join(folder, file);
      if (SILLY.test(file) || known?.has(file) === true) continue;
      if (TEMPORARY.test(file)) {
        // Only writers make files there, and we hold their lock: whose it was is dead.
        if (writersOnly) this.deadTemporary(path);
        else this.temporary.push(path);
      } else if (known !== undefined || file.startsWith(".")) this.foreign(path);
    }
  }

  /** A file that nobody knows. */
  foreign(path: string): void {
    this.all.push({ path, problem: "does not belong here", remedy: "move it away if nobody needs it here" });
  }

  private deadTemporary(path: string): void {
    this.all.push(found(path, "is a temporary file that a dead writer left", () => removeFile(path)));
  }

  /** Temporary files that are there still. */
  async end(): Promise<Found[]> {
    if (this.temporary.length === 0) return this.all;
    await sleep(Math.max(0, this.temporaryMs - (performance.now() - this.began)));
    for (const path of this.temporary) if ((await readText(path)) !== undefined) this.deadTemporary(path);
    return this.all;
  }
}
