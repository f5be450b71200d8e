import { sha256 } from "../values";
import { compute } from "./compute";
import { control } from "./control";
import { governance } from "./governance";
import { network } from "./network";
import { random } from "./random";
import { ACCOUNT, handle, type Standin, type StandinContext } from "./standin";
import { storage } from "./storage";

const standins: Readonly<Record<string, Standin>> = {
  ...network,
  ...compute,
  ...control,
  ...storage,
  ...governance,
  ...random,
};

/** A type without a stand-in of its own gets an id; all its other outputs stay unknown, and using one is reported. */
const unfamiliar: Standin = handle("standin");

export function standinFor(type: string): Standin {
  return standins[type] ?? unfamiliar;
}

/** Makes up ids for one plan; `claimed` keeps what must not be handed out twice. */
export function standinContext(
  claimed: Map<string, Set<number>>,
  at: { urn: string; type: string; name: string; parent: string; region: string },
  outputsOf: StandinContext["outputsOf"],
): StandinContext {
  const partition = partitionOf(at.region);
  return {
    ...at,
    partition,
    account: ACCOUNT,
    outputsOf,
    hex: (length, salt = "") => hex(`${at.urn}|${salt}`, length),
    claim: (pool, preferred) => claim(claimed, pool, preferred),
    arn: (service, resource, options = {}) =>
      `arn:${partition}:${service}:${options.region ?? at.region}:${options.account ?? ACCOUNT}:${resource}`,
  };
}

export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function hex(seed: string, length: number): string {
  let digits = "";
  for (let block = 0; digits.length < length; block++) digits += sha256(`${seed}|${block}`);
  return digits.slice(0, length);
}

function claim(claimed: Map<string, Set<number>>, pool: string, preferred: number): number {
  const taken = claimed.get(pool) ?? new Set<number>();
  let number = preferred;
  while (taken.has(number)) number++;
  claimed.set(pool, taken.add(number));
  return number;
}
