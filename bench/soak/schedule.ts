/** What goes wrong in a soak and when: a pure function of the seed and the length, so that a finding can be repeated. */
import type { NatKind } from "../../lab/nat";
import { type Random, randomOf } from "../random";

export type SoakAction =
  | {
      readonly kind: "crash" | "start" | "blackhole" | "heal" | "drain" | "undrain" | "kill-agent";
      readonly server: string;
    }
  | { readonly kind: "efs-hang" | "efs-heal" }
  | { readonly kind: "roam" | "revoke"; readonly client: string }
  | { readonly kind: "join"; readonly client: string; readonly nat: NatKind }
  | { readonly kind: "scale"; readonly capacity: number };

export interface SoakEvent {
  /** Milliseconds since the soak began. */
  readonly at: number;
  readonly action: SoakAction;
}

/** Servers that are there from the first to the last moment, and clients that stay members. */
export const SERVERS = ["s1", "s2", "s3"] as const;
export const MEMBERS: Readonly<Record<string, NatKind>> = {
  c1: "strict",
  c2: "full-cone",
  c3: "public",
  c4: "strict",
  c5: "full-cone",
  c6: "strict",
};
/** Clients that are there when it begins and will be revoked, in this order; each is followed by a new one. */
export const FIRST_LEAVERS = ["v1", "v2"] as const;

/** Each revoked client's machine goes on trying, and this machine has to carry them all. */
const MOST_LEAVERS = 20;
/** The last part of a soak is calm, so that what is broken then was broken by what happened before. */
export const CALM_MS = 30_000;
/** A server that came back is left alone for so long: boot, health checks, and clients that settle. */
const RECOVERY_MS = 12_000;
/** A change of members has come to every server by then. */
const MEMBERS_MS = 16_000;
/** A server that ends is told, drains and waits for its deregistration. */
const LEAVE_MS = 30_000;
/** The file system hangs at least so often. */
const HANG_EVERY_MS = 120_000;
/** One server is always in service: without any there is nothing to be connected to. */
const MOST_OUT = SERVERS.length - 1;

/** How it ends, for what needs an end. */
const END = { crash: "start", blackhole: "heal", drain: "undrain" } as const;
type Outage = keyof typeof END;

const CHANCES: readonly (readonly [
  weight: number,
  kind: Outage | "kill-agent" | "roam" | "member" | "scale",
])[] = [
  [4, "crash"],
  [4, "blackhole"],
  [4, "drain"],
  [1, "kill-agent"],
  [6, "roam"],
  [3, "member"],
  [2, "scale"],
];

class Scheduler {
  private readonly events: SoakEvent[] = [];
  /** When each server's last trouble is over, with its recovery, and when it is in service again. */
  private readonly free = new Map<string, number>(SERVERS.map((server) => [server, 0]));
  private readonly out = new Map<string, number>();
  /** When the file system hangs; drawn first, because everything that needs it must keep clear. */
  private readonly hangs: { readonly from: number; readonly to: number }[] = [];
  private sizeFree = 0;
  private memberFree = 0;
  private leavers: string[] = [...FIRST_LEAVERS];
  private joined: number = FIRST_LEAVERS.length;
  private lastRoamer = "";

  constructor(
    private readonly random: Random,
    private readonly end: number,
  ) {}

  build(): SoakEvent[] {
    this.drawHangs();
    for (let at = this.random.between(2000, 5000); at < this.end; at += this.random.between(2000, 6000))
      this.choose(at);
    return this.events.sort((a, b) => a.at - b.at);
  }

  private add(at: number, action: SoakAction): void {
    this.events.push({ at: Math.round(at), action });
  }

  /** Draws until something is possible; a client can always roam. */
  private choose(at: number): void {
    const total = CHANCES.reduce((sum, [weight]) => sum + weight, 0);
    for (let draw = 0; draw < 20; draw += 1) {
      let rest = this.random.next() * total;
      const kind = CHANCES.find(([weight]) => {
        rest -= weight;
        return rest < 0;
      })?.[1];
      if (kind !== undefined && this.make(kind, at)) return;
    }
    this.roam(at);
  }

  private make(kind: (typeof CHANCES)[number][1], at: number): boolean {
    switch (kind) {
      case "kill-agent":
        return this.killAgent(at);
      case "roam":
        return this.roam(at);
      case "member":
        return this.changeMembers(at);
      case "scale":
        return this.scale(at);
      default:
        return this.outage(kind, at);
    }
  }

  private freeServers(at: number): string[] {
    return SERVERS.filter((server) => (this.free.get(server) ?? 0) <= at);
  }

  private outage(kind: Outage, at: number): boolean {
    const isOut = (server: string): boolean => (this.out.get(server) ?? 0) > at;
    const servers = this.freeServers(at);
    const until = at + this.random.between(4000, 14_000);
    if (servers.length === 0 || SERVERS.filter(isOut).length >= MOST_OUT) return false;
    // A server that boots without the file system waits for it; a hang is a test of its own.
    if (until > this.end || this.hangsWithin(at, until + RECOVERY_MS)) return false;
    const server = this.random.pick(servers);
    this.add(at, { kind, server });
    this.add(until, { kind: END[kind], server });
    this.free.set(server, until + RECOVERY_MS);
    this.out.set(server, until + RECOVERY_MS);
    return true;
  }

  private killAgent(at: number): boolean {
    const servers = this.freeServers(at);
    if (servers.length === 0) return false;
    const server = this.random.pick(servers);
    this.add(at, { kind: "kill-agent", server });
    this.free.set(server, at + 5000);
    return true;
  }

  private drawHangs(): void {
    for (
      let at = this.random.between(30_000, HANG_EVERY_MS);
      ;
      at += this.random.between(60_000, HANG_EVERY_MS)
    ) {
      const to = at + this.random.between(3000, 10_000);
      if (to > this.end) return;
      this.hangs.push({ from: at, to });
      this.add(at, { kind: "efs-hang" });
      this.add(to, { kind: "efs-heal" });
    }
  }

  /** Whether the file system hangs at some time between the two. */
  private hangsWithin(from: number, to: number): boolean {
    return this.hangs.some((hang) => hang.from < to && hang.to + RECOVERY_MS > from);
  }

  private roam(at: number): boolean {
    const roamers = Object.keys(MEMBERS).filter(
      (name) => MEMBERS[name] !== "public" && name !== this.lastRoamer,
    );
    this.lastRoamer = this.random.pick(roamers);
    this.add(at, { kind: "roam", client: this.lastRoamer });
    return true;
  }

  /** The oldest guest is revoked, and another one comes. */
  private changeMembers(at: number): boolean {
    const [client] = this.leavers;
    if (client === undefined || this.memberFree > at || this.joined >= MOST_LEAVERS) return false;
    if (at + 8000 > this.end || this.hangsWithin(at, at + MEMBERS_MS)) return false;
    this.leavers.shift();
    this.joined += 1;
    const next = `v${this.joined}`;
    this.leavers.push(next);
    this.add(at, { kind: "revoke", client });
    this.add(at + 4000, {
      kind: "join",
      client: next,
      nat: this.random.pick(["strict", "full-cone", "public"] as const),
    });
    this.memberFree = at + MEMBERS_MS;
    return true;
  }

  private scale(at: number): boolean {
    const until = at + this.random.between(20_000, 40_000);
    if (this.sizeFree > at || until > this.end) return false;
    if (this.hangsWithin(at, at + RECOVERY_MS) || this.hangsWithin(until, until + LEAVE_MS)) return false;
    this.add(at, { kind: "scale", capacity: SERVERS.length + 1 });
    this.add(until, { kind: "scale", capacity: SERVERS.length });
    this.sizeFree = until + LEAVE_MS;
    return true;
  }
}

/** The events of a soak in the order of their time; every trouble ends before the calm part at the end. */
export function schedule(seed: string, minutes: number): SoakEvent[] {
  return new Scheduler(randomOf(seed), minutes * 60_000 - CALM_MS).build();
}

/** An action in words. */
export function describe(action: SoakAction): string {
  const { kind } = action;
  if ("server" in action) return `${kind} ${action.server}`;
  if ("client" in action)
    return "nat" in action ? `${kind} ${action.client} (${action.nat})` : `${kind} ${action.client}`;
  return "capacity" in action ? `${kind} ${action.capacity}` : kind;
}
