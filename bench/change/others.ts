/** Those who talk while others come and go: they must not notice. */
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../cluster";

/** How they did: requests without an answer, the longest time without one, handshakes beyond WireGuard's own. */
export interface OthersResult {
  readonly clients: number;
  readonly requests: number;
  readonly lost: number;
  readonly longest_gap_ms: number;
  readonly extra_handshakes: number;
}

/** A session is renewed by its own clock after 120 s (whitepaper, section 6.1); sooner is somebody's doing. */
const REKEY_SECONDS = 120;

/** Watches the handshakes of clients and counts those that came sooner than a session's own end. */
export class HandshakeWatch {
  extra = 0;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(
    private readonly cluster: Cluster,
    private readonly names: readonly string[],
  ) {
    this.running = this.watch();
  }

  /** Ends it; resolves with the number, also when the lab has ended before. */
  async stop(): Promise<number> {
    this.stopped = true;
    await this.running;
    return this.extra;
  }

  private async watch(): Promise<void> {
    const newest = new Map<string, number>();
    while (!this.stopped) {
      for (const name of this.names) {
        const [at, before] = [await this.handshake(name), newest.get(name)];
        if (before !== undefined && at !== before && at - before < REKEY_SECONDS) this.extra += 1;
        newest.set(name, at);
      }
      await pause(2000);
    }
  }

  /** Handshakes that a client's WireGuard has begun or answered, by the newest one's time. */
  private handshake(name: string): Promise<number> {
    return this.cluster.sh(name, "wg show wg0 latest-handshakes | cut -f2").then(Number);
  }
}

/** How those who talked between two times did. @param extra handshakes beyond WireGuard's own */
export async function othersResult(
  cluster: Cluster,
  names: readonly string[],
  from: number,
  to: number,
  extra: number,
): Promise<OthersResult> {
  let [requests, lost, longest] = [0, 0, 0];
  for (const name of names) {
    const { sent, answers } = await cluster.traffic(name, from, to);
    const answered = new Set(answers.map(({ seq }) => seq));
    const settled = sent.filter(({ at }) => at < to - 1000);
    requests += settled.length;
    lost += settled.filter(({ seq }) => !answered.has(seq)).length;
    longest = Math.max(longest, await cluster.call<number>("gap", { name, from, to }));
  }
  return {
    clients: names.length,
    requests,
    lost,
    longest_gap_ms: Math.round(longest),
    extra_handshakes: extra,
  };
}
