import * as z from "zod";
import { SESSION_SECONDS } from "../../registry/sessions";
import { inTurns, TURN } from "../../wireguard/turns";
import type { Exec } from "../exec";
import type { Lane } from "./flow-events";
import { renderSessionsTable } from "./ruleset";

/** An index that this server handed out, as the kernel's set remembers it. */
export interface IssuedIndex {
  readonly endpoint: string;
  readonly index: number;
  /** Milliseconds since the handshake packet left. */
  readonly ageMs: number;
}

const LIMIT_MS = 5000;
/** Of 50,000 indices a list takes more than two seconds. */
const LIST_LIMIT_MS = 30_000;

/** nftables' JSON of a set (libnftables-json(5)). */
const listing = z.looseObject({
  nftables: z.array(
    z.looseObject({ set: z.looseObject({ elem: z.array(z.unknown()).default([]) }).optional() }),
  ),
});
/** Elements with a timeout are wrapped. */
const element = z.looseObject({
  elem: z.looseObject({
    val: z.looseObject({ concat: z.tuple([z.string(), z.number(), z.number()]) }),
    expires: z.number(),
  }),
});

/** The agent's own nftables table, through `nft`. */
export class SessionsTable {
  /** The table as it was when it was loaded. */
  private standing = "";

  constructor(
    private readonly exec: Exec,
    private readonly lane: Lane,
  ) {}

  /** Makes the table, or brings its rules up to date; the sets of an earlier agent stay. */
  async load(): Promise<void> {
    const ruleset = renderSessionsTable(this.lane);
    try {
      await this.nft(["-f", "/dev/stdin"], ruleset);
    } catch {
      // A set of an older version has another shape: begin anew, and lose what it held.
      await this.nft(
        ["-f", "/dev/stdin"],
        `add table ${this.lane.table}\ndelete table ${this.lane.table}\n${ruleset}`,
      );
    }
    this.standing = await this.list();
  }

  /** Whether the table stands as it was loaded, each chain and rule of it. */
  async isLoaded(): Promise<boolean> {
    try {
      return (await this.list()) === this.standing;
    } catch {
      return false; // no such table; if nft itself is the trouble, loading it says so
    }
  }

  async remove(): Promise<void> {
    await this.nft(["-f", "/dev/stdin"], `add table ${this.lane.table}\ndelete table ${this.lane.table}\n`);
  }

  /** What this server handed out lately. */
  async issued(): Promise<IssuedIndex[]> {
    const sets = [];
    for (const set of ["issued4", "issued6"]) {
      const args = ["-j", "list", "set", ...this.lane.table.split(" "), set];
      sets.push(await parseIssued(await this.exec("nft", args, { timeoutMs: LIST_LIMIT_MS })));
    }
    return sets.flat();
  }

  /** From now on packets with these indices are no strays. */
  async adopt(indices: readonly number[]): Promise<void> {
    // Not as arguments: of those one has 128 KiB at most (execve(2)).
    await this.nft(
      ["-f", "/dev/stdin"],
      `add element ${this.lane.table} own { ${indices.map(onWire).join(", ")} }\n`,
    );
  }

  /** From now on no index is this server's own. */
  async disown(): Promise<void> {
    const script = ["own", "issued4", "issued6"]
      .map((set) => `flush set ${this.lane.table} ${set}\n`)
      .join("");
    await this.nft(["-f", "/dev/stdin"], script);
  }

  /** Without counters and elements. */
  private list(): Promise<string> {
    // As JSON, which nft writes at once. The other form comes in 631 pieces, and taking those was half of an idle agent's wake-ups.
    return this.nft(["-j", "-s", "-t", "list", "table", ...this.lane.table.split(" ")]);
  }

  private nft(args: readonly string[], stdin?: string): Promise<string> {
    return this.exec("nft", args, { timeoutMs: LIMIT_MS, stdin });
  }
}

/** Reads `nft -j list set` of a set of issued indices, in turns. */
export function parseIssued(json: string): Promise<IssuedIndex[]> {
  return inTurns(parsing(json));
}

function* parsing(json: string): Generator<void, IssuedIndex[]> {
  const issued: IssuedIndex[] = [];
  for (const { set } of listing.parse(JSON.parse(json)).nftables) {
    for (const one of set?.elem ?? []) {
      issued.push(issuedOf(element.parse(one)));
      if (issued.length % TURN === 0) yield;
    }
  }
  return issued;
}

function issuedOf({ elem: { val, expires } }: z.infer<typeof element>): IssuedIndex {
  const [address, port, index] = val.concat;
  return {
    endpoint: address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`,
    index: swapBytes(index),
    ageMs: Math.max(0, SESSION_SECONDS - expires) * 1000,
  };
}

/** nft shows a packet's bytes as a big-endian number; WireGuard's indices, and connection tracking's marks here, are little-endian. */
function swapBytes(value: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.readUInt32LE();
}

function onWire(index: number): string {
  return `0x${swapBytes(index).toString(16).padStart(8, "0")}`;
}
