import { OVERLAY } from "../../wireguard/overlay";
import { backoff } from "../backoff";
import type { Clock, Timer } from "../clock";
import type { Exec } from "../exec";
import { type Log, messageOf } from "../log";

/** The table with the routes to clients at other servers, the rule that leads there, and the network's number in the packets. */
export const OVERLAY_ROUTES = { table: 119, rulePriority: 1190, id: 51820 } as const;

const LIMIT_MS = 30_000;
const RETRY_MS = { first: 1000, longest: 30_000 } as const;

/**
 * Routes to clients that other servers hold: one for each address, by a lightweight tunnel to that server (ip-route(8), `encap ip`). In a
 * table of their own, so that the routes of this server's own interfaces stay as they are.
 *
 * INVARIANTS: one run of the tools at a time; what is asked for meanwhile is joined into the next one, so a change costs what it changes,
 * however many clients there are. After a failure nothing is tried for a while, whatever changes; then, as at the start, the table is
 * read anew before anything is assumed about it. Nothing that an agent before this one put there goes before it is known where the
 * clients are.
 */
export class OverlayRoutes {
  private readonly wanted = new Map<string, string>();
  private readonly changed = new Set<string>();
  /** What the table had when it was last read, and what was done since. */
  private have = new Map<string, string>();
  /** Whether the table may hold something else by now. */
  private isDoubtful = true;
  private running: Promise<void> | undefined;
  /** Runs while nothing is tried. */
  private retry: Timer | undefined;
  private failures = 0;
  private started = false;
  private stopped = false;

  /** Why the last change failed; undefined when it did not. */
  problem: string | undefined;
  readonly stats = { changes: 0, errors: 0 };

  constructor(
    private readonly exec: Exec,
    private readonly clock: Pick<Clock, "after">,
    private readonly log: Log,
  ) {}

  /** Addresses with a route. */
  get size(): number {
    return this.wanted.size;
  }

  /**
   * Leads an address (with its length) to a server, or (undefined) leaves it to this server's own routes. Settles when that is so, or
   * failed; before the first {@link reconcile} it is only kept in mind.
   */
  set(address: string, server: string | undefined): Promise<void> {
    if (this.wanted.get(address) === server) return this.running ?? Promise.resolve();
    if (server === undefined) this.wanted.delete(address);
    else this.wanted.set(address, server);
    this.changed.add(address);
    return this.flush();
  }

  /** Makes the table what is wanted, whatever it holds: what an agent before this one left goes. */
  reconcile(): Promise<void> {
    this.started = true;
    return this.lookAgain();
  }

  /** The table may have changed by itself: it is read, and what is missing made again. Before the first {@link reconcile} nothing is done. */
  lookAgain(): Promise<void> {
    this.isDoubtful = true;
    return this.flush();
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.retry?.cancel();
    return this.running ?? Promise.resolve();
  }

  private flush(): Promise<void> {
    if (!this.started || this.retry !== undefined) return Promise.resolve();
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async run(): Promise<void> {
    await undefined; // what is asked for in the same turn goes together
    while (!this.stopped && (this.changed.size > 0 || this.isDoubtful)) {
      try {
        await this.write();
        this.problem = undefined;
        this.failures = 0;
      } catch (error) {
        this.isDoubtful = true;
        this.stats.errors++;
        if (this.problem === undefined)
          this.log.error(
            { problem: messageOf(error) },
            "routes to clients at other servers cannot be changed",
          );
        this.problem = `routes to clients at other servers cannot be changed: ${messageOf(error)}`;
        this.later();
        return;
      }
    }
  }

  private later(): void {
    if (this.stopped) return;
    this.retry = this.clock.after(backoff(RETRY_MS, this.failures++), () => {
      this.retry = undefined;
      void this.flush();
    });
  }

  private async write(): Promise<void> {
    const mustRead = this.isDoubtful;
    this.isDoubtful = false; // who doubts from now on wants a later look
    if (mustRead) this.have = await this.read();
    const { have } = this;
    const changed = mustRead ? [...new Set([...have.keys(), ...this.wanted.keys()])] : [...this.changed];
    this.changed.clear();
    const lines: string[] = [];
    for (const address of changed) {
      const server = this.wanted.get(address);
      if (server === have.get(address)) continue;
      lines.push(server === undefined ? removal(address) : route(address, server));
      if (server === undefined) have.delete(address);
      else have.set(address, server);
    }
    this.stats.changes += lines.length;
    // A route that is gone already is no reason to leave the others out.
    if (lines.length > 0)
      await this.exec("ip", ["-force", "-batch", "-"], {
        timeoutMs: LIMIT_MS,
        stdin: `${lines.join("\n")}\n`,
      });
  }

  private async read(): Promise<Map<string, string>> {
    const text = await this.exec("ip", ["-4", "route", "show", "table", String(OVERLAY_ROUTES.table)], {
      timeoutMs: LIMIT_MS,
    }).catch((error: unknown) => {
      if (/FIB table does not exist/.test(messageOf(error))) return ""; // nothing was ever put into it
      throw error;
    });
    return parseRoutes(text);
  }
}

function route(address: string, server: string): string {
  const { id, table } = OVERLAY_ROUTES;
  return `route replace ${address} encap ip id ${id} dst ${server} dev ${OVERLAY.interface} table ${table}`;
}

const removal = (address: string): string => `route del ${address} table ${OVERLAY_ROUTES.table}`;

/** Address and server of each route as `ip route show` prints them. */
export function parseRoutes(text: string): Map<string, string> {
  const routes = new Map<string, string>();
  for (const [, address = "", server = ""] of text.matchAll(/^([\d./]+) .*?encap ip .*?dst ([\d.]+) /gm))
    routes.set(address.includes("/") ? address : `${address}/32`, server);
  return routes;
}
