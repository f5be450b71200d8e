/** Reads what a person asks the failover benchmark for. Pure. */
import { UserError } from "../../config/errors";
import { HEALTH_MODELS } from "../variant";
import {
  ADDRESSING,
  type Addressing,
  type FailoverOptions,
  LOADS,
  type Load,
  PASSIVE_SCENARIOS,
  ROUTED_SCENARIOS,
  SCENARIOS,
  type ScenarioName,
  TAKEOVER,
  type TakeoverMode,
  TOPOLOGIES,
} from "./types";

export interface FailoverWords {
  readonly addressing: string;
  readonly topology: string;
  /** These three have other defaults with each addressing, and with one server that serves. */
  readonly scenario?: string;
  readonly load?: string;
  readonly takeover?: string;
  readonly health: string;
  readonly runs: string;
  readonly clients: string;
  readonly stack: string;
}

/**
 * A whole number within limits.
 *
 * @throws UserError that names the option and the limits
 */
export function wholeNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= from && value <= to) return value;
  throw new UserError(`--${option} must be a whole number from ${from} to ${to}, not '${text}'`);
}

/** One of the words. */
export function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UserError(`--${option} does not know '${text}'; there are: ${known.join(", ")}`);
}

/** Words with commas between them, each once, in the order given. */
function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return [...new Set(text.split(",").map((word) => oneOf(option, word.trim(), known)))];
}

/** What is measured when nothing is said. */
export const DEFAULTS: Readonly<
  Record<
    Addressing,
    { scenario: readonly ScenarioName[]; load: readonly Load[]; takeover: readonly TakeoverMode[] }
  >
> = {
  masquerade: {
    scenario: ["crash", "blackhole", "drain", "replace", "roam", "scale-in"],
    load: ["busy", "idle"],
    takeover: TAKEOVER,
  },
  routed: {
    scenario: [
      "crash-holder",
      "crash-owner",
      "crash-both",
      "drain",
      "replace",
      "roam",
      "owner-drain",
      "overlay-cut",
      "mesh-cut",
    ],
    load: ["tcp"],
    takeover: ["on"],
  },
};

/** What of it is another one where one server serves. */
export const PASSIVE_DEFAULTS: Readonly<
  Record<"scenario", readonly ScenarioName[]> & Record<"takeover", readonly TakeoverMode[]>
> = { scenario: PASSIVE_SCENARIOS, takeover: ["on"] };

/** What does not exist where one server serves. */
function checkTopology({ topology, scenarios, takeover }: FailoverOptions): void {
  if (topology === "active-active") return;
  if (takeover.includes("off"))
    throw new UserError(
      "--takeover must be on with --topology active-passive: servers must know which of them is active",
    );
  const odd = scenarios.find((name) => !PASSIVE_SCENARIOS.some((passive) => passive === name));
  if (odd !== undefined)
    throw new UserError(
      `--scenario ${odd} needs several servers that serve; with --topology active-passive there are: ${PASSIVE_SCENARIOS.join(", ")}`,
    );
}

/** What only exists with routed addressing, and what does not exist with it. */
function checkAddressing({ addressing, scenarios, takeover }: FailoverOptions): void {
  if (addressing === "routed") {
    if (takeover.includes("off"))
      throw new UserError(
        "--takeover must be on with --addressing routed: servers must know who holds which client",
      );
    return;
  }
  const odd = scenarios.find((name) => ROUTED_SCENARIOS.some((routed) => routed === name));
  if (odd !== undefined) throw new UserError(`--scenario ${odd} needs --addressing routed`);
}

/**
 * Checks the options of `wgc bench failover`.
 *
 * @throws UserError that names the option, what it was given, and what there is
 */
export function failoverOptions(words: FailoverWords): FailoverOptions {
  const addressing = oneOf("addressing", words.addressing, ADDRESSING);
  const topology = oneOf("topology", words.topology, TOPOLOGIES);
  const { scenario, load, takeover } = {
    ...DEFAULTS[addressing],
    ...(topology === "active-passive" ? PASSIVE_DEFAULTS : {}),
  };
  const loads = listOf("load", words.load ?? load.join(), LOADS);
  const clients = wholeNumber("clients", words.clients, loads.length, 64);
  const options: FailoverOptions = {
    addressing,
    topology,
    scenarios: listOf("scenario", words.scenario ?? scenario.join(), SCENARIOS),
    loads,
    takeover: listOf("takeover", words.takeover ?? takeover.join(), TAKEOVER),
    health: oneOf("health", words.health, HEALTH_MODELS),
    runs: wholeNumber("runs", words.runs, 1, 1000),
    clients,
    stack: words.stack,
  };
  checkTopology(options);
  checkAddressing(options);
  return options;
}
