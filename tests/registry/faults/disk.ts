/**
 * A file system that fails where it is told to: between the registry and the real one. It counts every step that changes something.
 *
 * INVARIANTS: a killed writer never runs another line, as if its process were gone: its call does not return. After a loss of power
 * also everything is gone that was not synced: the content of files, and the names in folders.
 */
import { promises as fs } from "node:fs";
import { dirname } from "node:path";

/** What happens at the chosen step; `torn` writes half of the data first. */
export type Fault = "kill" | "torn" | "power" | "ENOSPC" | "EROFS" | "EIO";

const NAMES = ["open", "link", "rename", "rm", "mkdir", "utimes"] as const;
type Call = (...args: unknown[]) => Promise<unknown>;
const real = Object.fromEntries(NAMES.map((name) => [name, fs[name].bind(fs) as unknown as Call])) as Record<
  (typeof NAMES)[number],
  Call
>;
const realInterval = globalThis.setInterval;

interface Undo {
  readonly folder: string;
  readonly run: () => Promise<void>;
}

/** One run of something on the failing file system. */
class Disk {
  steps = 0;
  /** What each step was: for whoever wants to know what the last one did. */
  last = "";
  private names: Undo[] = [];
  /** Files with content that is not synced yet, and their size when they were. */
  private readonly unsynced = new Map<string, number>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly handles = new Set<fs.FileHandle>();
  private stop: () => void = () => {};
  readonly stopped = new Promise<"stopped">((resolve) => {
    this.stop = () => resolve("stopped");
  });

  constructor(
    private readonly fault: Fault | undefined,
    private readonly at: number,
  ) {}

  /** Goes between; the answer puts things back. */
  install(): () => void {
    const faulty: Partial<Record<(typeof NAMES)[number], Call>> = {
      open: (path, flags, mode) => this.open(String(path), flags, mode),
      link: (from, to) => this.step(`link ${to}`, () => this.naming("link", String(from), String(to))),
      rename: (from, to) => this.step(`rename ${to}`, () => this.naming("rename", String(from), String(to))),
      rm: (path, options) => this.step(`rm ${path}`, () => this.removing(String(path), options)),
      mkdir: (path, options) => this.step(`mkdir ${path}`, () => real.mkdir(path, options)),
    };
    Object.assign(fs, faulty);
    globalThis.setInterval = ((work: () => void, ms: number) => {
      const timer = realInterval(work, ms);
      this.timers.push(timer);
      return timer;
    }) as typeof setInterval;
    return () => {
      Object.assign(fs, real);
      globalThis.setInterval = realInterval;
      for (const timer of this.timers) clearInterval(timer);
    };
  }

  /** The kernel closes what a dead process had open. */
  async closeAll(): Promise<void> {
    for (const handle of this.handles) await handle.close();
  }

  /** What a loss of power takes away. */
  async losePower(): Promise<void> {
    for (const { run } of this.names.reverse()) await run();
    for (const [path, synced] of this.unsynced) {
      const size = (await fs.stat(path).catch(() => undefined))?.size;
      if (size !== undefined) await fs.truncate(path, synced + Math.floor((size - synced) / 2));
    }
  }

  private async step<T>(what: string, work: () => Promise<T>, half?: () => Promise<unknown>): Promise<T> {
    this.last = what;
    if (++this.steps === this.at || (this.steps > this.at && this.isLasting())) {
      if (this.fault === "kill" || this.fault === "power" || this.fault === "torn") {
        if (this.fault === "torn") await half?.();
        this.stop();
        return new Promise<never>(() => {});
      }
      if (this.fault !== undefined)
        throw Object.assign(new Error(this.fault), { code: this.fault, path: what });
    }
    return work();
  }

  /** A full disk stays full until the operation has failed; a bad block is met once. */
  private isLasting(): boolean {
    return this.fault === "ENOSPC" || this.fault === "EROFS";
  }

  private async naming(how: "link" | "rename", from: string, to: string): Promise<void> {
    const before = how === "rename" ? await fs.readFile(to).catch(() => undefined) : undefined;
    await real[how](from, to);
    const run = async () => {
      if (how === "rename") await real.rename(to, from);
      else await real.rm(to, { force: true });
      if (before !== undefined) await fs.writeFile(to, before, { mode: 0o600 });
    };
    this.names.push({ folder: dirname(to), run });
  }

  private async removing(path: string, options: unknown): Promise<void> {
    const before = await fs.readFile(path).catch(() => undefined);
    await real.rm(path, options);
    if (before === undefined) return;
    this.names.push({ folder: dirname(path), run: () => fs.writeFile(path, before, { mode: 0o600 }) });
  }

  private async open(path: string, flags: unknown, mode: unknown): Promise<unknown> {
    const handle = (await (flags === "r"
      ? real.open(path, flags, mode)
      : this.step(`open ${path}`, () => real.open(path, flags, mode)))) as fs.FileHandle;
    this.handles.add(handle);
    return new Proxy(handle, {
      get: (target, name) => {
        const own = Reflect.get(target, name) as unknown;
        if (name === "close") this.handles.delete(target);
        if (name === "writeFile")
          return (text: string) =>
            this.step(
              `write ${path}`,
              () => this.writing(target, path, text),
              () => this.writing(target, path, text.slice(0, text.length / 2)),
            );
        if (name === "truncate")
          return (size: number) => this.step(`cut ${path}`, () => target.truncate(size));
        if (name === "sync") return () => this.step(`sync ${path}`, () => this.syncing(path));
        return typeof own === "function" ? own.bind(target) : own;
      },
    });
  }

  private async writing(handle: fs.FileHandle, path: string, text: string): Promise<void> {
    if (!this.unsynced.has(path)) this.unsynced.set(path, (await handle.stat()).size);
    await handle.writeFile(text);
  }

  /** Only the books are kept: that a sync syncs is the kernel's affair, and hundreds of them take minutes. */
  private async syncing(path: string): Promise<void> {
    this.unsynced.delete(path);
    this.names = this.names.filter(({ folder }) => folder !== path);
  }
}

/** How something ended that ran with a fault in it. */
export interface Run {
  /** Missing: it was killed. */
  readonly outcome?: { readonly value?: unknown; readonly error?: unknown };
  readonly steps: number;
  /** What the failing step would have done. */
  readonly last: string;
}

/** Runs something, with a fault at one of its steps. Without a fault it only counts. */
export async function run(work: () => Promise<unknown>, fault?: Fault, at = 0): Promise<Run> {
  const disk = new Disk(fault, at);
  const restore = disk.install();
  try {
    const settled = work().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    const outcome = await Promise.race([settled, disk.stopped]);
    restore();
    if (outcome === "stopped") await disk.closeAll();
    if (outcome === "stopped" && fault === "power") await disk.losePower();
    return { steps: disk.steps, last: disk.last, ...(outcome === "stopped" ? {} : { outcome }) };
  } finally {
    restore();
  }
}
