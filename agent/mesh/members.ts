import type { NodeFile } from "../../registry/schema";
import type { Clock } from "../clock";
import type { Heartbeat, Message } from "./message";
import type { Candidate } from "./roles";

/** Another server. */
export interface Member {
  readonly instance: string;
  readonly address: string;
}

/** How liveness is judged, in milliseconds. */
export interface Pace {
  /** Between two heartbeats. */
  readonly everyMs: number;
  /** A server that was silent for so long counts as gone. */
  readonly goneMs: number;
  /** A server gets roles once it has been heard for so long. */
  readonly steadyMs: number;
}

/** Where only announcements depend on it, hearing each other once a second is enough; an owner's death must show within a second. */
export const PACE: Readonly<Record<"calm" | "quick", Pace>> = {
  calm: { everyMs: 1000, goneMs: 5000, steadyMs: 3000 },
  quick: { everyMs: 200, goneMs: 1000, steadyMs: 3000 },
};

interface Known {
  readonly instance: string;
  address: string;
  /** When its record or its voice last showed that it exists; monotonic. */
  seenAt: number;
  /** Its process, and the number of the last message that counted. */
  epoch: number;
  number: number;
  /** Its processes before that one, the last first: nothing that they said counts any more. */
  former: readonly number[];
  heartbeat: Heartbeat | undefined;
  heardAt: number;
  /** Since when it has been heard without a break. */
  since: number;
  /** Its clock and this server's are too far apart: how far its own was ahead when it last spoke, and when that was (monotonic). */
  apart: { readonly aheadMs: number; readonly at: number } | undefined;
  readonly calm: Calm;
}

/** A server that was not ready takes its zone's role back from another zone's only after so long. */
const CALM_MS = 30_000;

/** Whether a server has been ready without a break for a while, or never was anything but not ready. Pure. */
export class Calm {
  private wasReady = false;
  private relapsedAt = Number.NEGATIVE_INFINITY;

  /** Takes what the server says of itself. @param now monotonic milliseconds */
  take({ state }: Pick<Heartbeat, "state">, now: number): void {
    if (this.wasReady && state !== "ready") this.relapsedAt = now;
    this.wasReady = state === "ready";
  }

  /** It was not there for the others for a while. */
  relapse(now: number): void {
    this.relapsedAt = now;
  }

  is(now: number): boolean {
    return now - this.relapsedAt >= CALM_MS;
  }
}

/** Who was heard no longer ago than that counts when a server asks itself whether it hears most of the others. */
const LATELY_MS = 180_000;
/** A server that neither wrote its record nor spoke for so long is not spoken to any more. */
const FORGET_MS = 60_000;
/**
 * Without records silence alone decides, and takes longer: who is forgotten is dropped by the firewall, so after a cut between servers
 * nobody would be heard again until the storage answers.
 */
const SILENT_MS = 600_000;
/**
 * Messages that are dated further off may be somebody's old ones: the servers' clocks are synchronised. Where they are not, such a message
 * counts for the roles that its sender has, so that nobody takes them from it, and for nothing else.
 */
export const CLOCKS_APART_MS = 30_000;
/** Who was not heard for so many beats may have announced what was not heard either, long before its silence counts as its end. */
const LATE_BEATS = 2.25;
/** An agent is started again after two seconds at the soonest, and what its former processes said is refused for its date after a minute. */
const FORMER_PROCESSES = 32;

/**
 * The other servers of the cluster: which there are, by their records on the shared storage and by what they say; and which of them live,
 * by what they say only.
 *
 * INVARIANTS: what is taken in here is authentic already. A heartbeat counts once: numbers only go up, and after a restart the sender's
 * epoch does, or it is one that was never heard and comes after a silence; a process that another one followed is not heard again. Without
 * the storage everything goes on with those that are known, until they have been silent for long.
 */
export class Members {
  private readonly known = new Map<string, Known>();
  /** What the servers' records were dated when they were last read. */
  private dates: ReadonlyMap<string, string> = new Map();

  /** @param self this server, which is none of the others */
  constructor(
    private readonly self: string,
    private readonly pace: Pace,
    private readonly clock: Pick<Clock, "monotonic" | "now">,
  ) {}

  /** Takes what the servers' records say over. */
  learn(records: readonly NodeFile[]): void {
    const now = this.clock.monotonic();
    for (const { instance, address, time } of records) {
      if (instance === this.self || address === undefined) continue;
      // Whatever its clock says, a server that has written its record since the last look is there.
      const last = this.dates.get(instance);
      const age = last !== undefined && last !== time ? 0 : this.clock.now() - Date.parse(time);
      // One that is dated ahead, and stays as it is, is no sign of life either.
      if (age > FORGET_MS || (age < 0 && last === time)) continue;
      const member = this.at(instance, address);
      member.seenAt = Math.max(member.seenAt, now - Math.max(0, age));
      // A record may be older than what the server itself said.
      if (!this.isHeard(member)) member.address = address;
    }
    this.dates = new Map(records.map(({ instance, time }) => [instance, time]));
    this.forget(FORGET_MS);
  }

  /** Forgets those that were silent for long, whether the storage answers or not. */
  forgetSilent(): void {
    this.forget(SILENT_MS);
  }

  /** Takes a heartbeat in; false when it says nothing new. @param address where it came from */
  hear(message: Message & { body: Heartbeat }, address: string): boolean {
    const { from, epoch, number, at, body } = message;
    const aheadMs = at - this.clock.now();
    const isApart = Math.abs(aheadMs) > CLOCKS_APART_MS;
    // An old message makes nobody a member.
    if (from === this.self || (isApart && !this.known.has(from))) return false;
    const member = this.at(from, address);
    const now = this.clock.monotonic();
    if (!this.isNews(member, epoch, number)) return false;
    member.apart = isApart ? { aheadMs, at: now } : undefined;
    // Without a date that counts, only the order of processes and numbers tells a new message from an old one.
    if (isApart && epoch < member.epoch) return false;
    if (!this.isHeard(member) || epoch !== member.epoch) member.since = now;
    if (epoch !== member.epoch) member.former = [member.epoch, ...member.former].slice(0, FORMER_PROCESSES);
    member.calm.take(body, now);
    Object.assign(member, { epoch, number, heartbeat: body, heardAt: now });
    if (!isApart) Object.assign(member, { address, seenAt: now });
    return true;
  }

  /** Whose clock and this server's are too far apart. */
  get problem(): string | undefined {
    const now = this.clock.monotonic();
    for (const { instance, apart } of this.known.values()) {
      if (apart === undefined || now - apart.at >= this.pace.goneMs) continue;
      const seconds = Math.round(Math.abs(apart.aheadMs) / 1000);
      const side = apart.aheadMs > 0 ? "ahead of" : "behind";
      return `the clock of ${instance} is ${seconds} s ${side} this server's, so the two give each other no roles; run \`chronyc tracking\` on both`;
    }
    return undefined;
  }

  /** This process did not listen for so long (ms): nobody was silent because of that. */
  excuse(ms: number): void {
    const now = this.clock.monotonic();
    for (const member of this.known.values()) {
      member.heardAt = Math.min(now, member.heardAt + ms);
      member.seenAt = Math.min(now, member.seenAt + ms);
    }
  }

  /** Everybody to speak to. */
  get all(): readonly Member[] {
    return [...this.known.values()];
  }

  /** Where a server can be reached; undefined for one that is not known. */
  addressOf(instance: string): string | undefined {
    return this.known.get(instance)?.address;
  }

  /** The servers that live, without this one. */
  get live(): readonly Candidate[] {
    const now = this.clock.monotonic();
    return [...this.known.values()].flatMap((member) => {
      const { instance, heartbeat, since, calm } = member;
      if (heartbeat === undefined || !this.isHeard(member)) return [];
      const { kind: _, ...said } = heartbeat;
      // As it says itself, and as it was heard: were it only heard, all others would wait for a role that it does not take.
      const steady = said.steady && now - since >= this.pace.steadyMs;
      return {
        ...{ instance, ...said, steady },
        ...{ calm: said.calm && calm.is(now), apart: member.apart !== undefined },
      };
    });
  }

  /** Whether a server that was there lately, by its record or its voice, is not heard at the moment: what it announces is not either. */
  get missesSomebody(): boolean {
    const late = this.clock.monotonic() - LATE_BEATS * this.pace.everyMs;
    return [...this.known.values()].some(({ heardAt }) => heardAt <= late);
  }

  /**
   * Whether this server, itself counted, hears fewer than half of those that were there lately: then rather it is cut off than all of
   * them. One of two is half, and says nothing.
   */
  get hearsMinority(): boolean {
    const now = this.clock.monotonic();
    const lately = [...this.known.values()].filter(({ heardAt }) => now - heardAt < LATELY_MS);
    return 2 * (1 + this.live.length) < 1 + lately.length;
  }

  private isNews(member: Known, epoch: number, number: number): boolean {
    if (epoch === member.epoch) return number > member.number;
    if (member.former.includes(epoch)) return false;
    // A server's clock may have been set back before its agent was started again; the one before has fallen silent then.
    return epoch > member.epoch || !this.isHeard(member);
  }

  private forget(afterMs: number): void {
    const now = this.clock.monotonic();
    for (const [instance, { seenAt }] of this.known) if (now - seenAt > afterMs) this.known.delete(instance);
  }

  private isHeard({ heartbeat, heardAt }: Known): boolean {
    return heartbeat !== undefined && this.clock.monotonic() - heardAt < this.pace.goneMs;
  }

  private at(instance: string, address: string): Known {
    const fresh: Known = {
      ...{ instance, address, epoch: 0, number: 0, former: [], heartbeat: undefined },
      ...{ seenAt: Number.NEGATIVE_INFINITY, heardAt: Number.NEGATIVE_INFINITY, since: 0 },
      ...{ calm: new Calm(), apart: undefined },
    };
    const member = this.known.get(instance) ?? fresh;
    this.known.set(instance, member);
    return member;
  }
}
