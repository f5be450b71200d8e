import { SESSION_SECONDS } from "../../registry/sessions";
import type { Clock } from "../clock";
import type { Device } from "../device";
import { type Log, messageOf } from "../log";
import type { HeldSession } from "./directory";
import type { SessionsTable } from "./sessions-table";

/** What the recalls need. */
export interface RecallsOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly device: Pick<Device, "dump">;
  readonly table: Pick<SessionsTable, "adopt">;
  /** Calls the client at the address where its stray came from. */
  readonly call: (session: HeldSession, endpoint: string) => void;
}

/**
 * Strays of sessions that this server itself recorded: it restarted since, and they are gone, or only the table was lost, and they
 * stand.
 *
 * INVARIANTS: one look at the peers at a time serves all strays that came before it. Thousands come together where it happens.
 */
export class Recalls {
  private waiting = new Map<number, { readonly session: HeldSession; readonly endpoint: string }>();
  private isRunning = false;

  constructor(private readonly options: RecallsOptions) {}

  add(session: HeldSession, endpoint: string): void {
    this.waiting.set(session.index, { session, endpoint });
    if (!this.isRunning) void this.run();
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    while (this.waiting.size > 0) {
      const recalled = [...this.waiting.values()];
      this.waiting = new Map();
      try {
        await this.decide(recalled);
      } catch (error) {
        const problem = messageOf(error);
        this.options.log.warn({ problem }, "sessions of this server could not be looked at");
      }
    }
    this.isRunning = false;
  }

  private async decide(recalled: readonly { session: HeldSession; endpoint: string }[]): Promise<void> {
    const { call, clock, device, table } = this.options;
    const { peers } = await device.dump();
    // Not compared with the record's time, which is another server's plus one where that server's clock is ahead.
    const ended = clock.now() / 1000 - SESSION_SECONDS;
    const standing = new Set(
      peers.flatMap(({ publicKey, latestHandshake }) => (latestHandshake > ended ? publicKey : [])),
    );
    const isStanding = ({ session }: { session: HeldSession }) => standing.has(session.publicKey);
    const adopted = recalled.filter(isStanding).map(({ session }) => session.index);
    for (const one of recalled) if (!isStanding(one)) call(one.session, one.endpoint);
    if (adopted.length > 0) await table.adopt(adopted);
  }
}
