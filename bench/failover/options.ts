/** Reads what a person asks the failover benchmark for. Pure. */
import { UserError } from "../../config/errors";
import { HEALTH_MODELS } from "../variant";
import { type FailoverOptions, LOADS, SCENARIOS, TAKEOVER } from "./types";

export interface FailoverWords {
  readonly scenario: string;
  readonly load: string;
  readonly takeover: string;
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
function oneOf<T extends string>(option: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found !== undefined) return found;
  throw new UserError(`--${option} does not know '${text}'; there are: ${known.join(", ")}`);
}

/** Words with commas between them, each once, in the order given. */
function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return [...new Set(text.split(",").map((word) => oneOf(option, word.trim(), known)))];
}

/**
 * Checks the options of `wgc bench failover`.
 *
 * @throws UserError that names the option, what it was given, and what there is
 */
export function failoverOptions(words: FailoverWords): FailoverOptions {
  const loads = listOf("load", words.load, LOADS);
  const clients = wholeNumber("clients", words.clients, loads.length, 64);
  return {
    scenarios: listOf("scenario", words.scenario, SCENARIOS),
    loads,
    takeover: listOf("takeover", words.takeover, TAKEOVER),
    health: oneOf("health", words.health, HEALTH_MODELS),
    runs: wholeNumber("runs", words.runs, 1, 1000),
    clients,
    stack: words.stack,
  };
}
