import type { Exec } from "../exec";

const LIMIT_MS = 30_000;

/**
 * Routes to single clients' addresses by one interface, where the range as a whole leads to another one.
 *
 * INVARIANTS: one run of the tools at a time; what is asked for meanwhile is joined into the next one. After a failure the routes
 * are read anew before anything is assumed about them.
 */
export class ClientRoutes {
  private wanted: ReadonlySet<string> = new Set();
  private have: Set<string> | undefined;
  private running: Promise<void> | undefined;
  private dirty = false;

  /** Why the last change failed; undefined when it did not. */
  error: string | undefined;

  constructor(
    private readonly name: string,
    private readonly exec: Exec,
  ) {}

  /** Makes these addresses (with their length) the ones that are routed there; settles when they are, or that failed. */
  async set(addresses: ReadonlySet<string>): Promise<void> {
    this.wanted = addresses;
    this.dirty = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    await this.running;
  }

  private async run(): Promise<void> {
    while (this.dirty) {
      this.dirty = false;
      try {
        await this.apply(this.wanted);
        this.error = undefined;
      } catch (error) {
        this.have = undefined;
        this.error = `routes to ${this.name} cannot be changed: ${error instanceof Error ? error.message : String(error)}`;
      }
    }
  }

  private async apply(wanted: ReadonlySet<string>): Promise<void> {
    this.have ??= await this.read();
    const lines: string[] = [];
    for (const address of this.have)
      if (!wanted.has(address)) lines.push(`route del ${address} dev ${this.name}`);
    for (const address of wanted)
      if (!this.have.has(address)) lines.push(`route replace ${address} dev ${this.name}`);
    if (lines.length === 0) return;
    // One process for all of them; a route that is gone already is no reason to leave the others out.
    const stdin = `${lines.join("\n")}\n`;
    await this.exec("ip", ["-force", "-batch", "-"], { timeoutMs: LIMIT_MS, stdin });
    this.have = new Set(wanted);
  }

  private async read(): Promise<Set<string>> {
    const have = new Set<string>();
    for (const family of ["-4", "-6"]) {
      const text = await this.exec("ip", [family, "route", "show", "dev", this.name], {
        timeoutMs: LIMIT_MS,
      });
      for (const [address = ""] of text.matchAll(/^[0-9a-f.:/]+/gm)) {
        const full = address.includes("/") ? address : `${address}/${family === "-4" ? 32 : 128}`;
        have.add(full);
      }
    }
    return have;
  }
}
