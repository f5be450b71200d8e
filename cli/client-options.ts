/** Options of client commands: reading them, with one clear message for each way to get them wrong. */
import type { Command } from "commander";
import { Option } from "commander";
import { canonicalCidr, isCidr, isHostCidr } from "../wireguard/addresses";
import { type FormatName, formatNames } from "../wireguard/formats";
import { isUsablePublicKey } from "../wireguard/keys";
import { UsageError } from "./exit-codes";

const UNITS: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 7 * 86_400 };

/** Seconds of `90m`, `12h`, `30d`, `6w`; undefined for anything else. */
function secondsOf(text: string): number | undefined {
  const [, amount, unit = ""] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNITS[unit] ?? 0);
}

/** A length of time in seconds, so many days at most. */
export function parseSpan(option: string, text: string, mostDays: number): number {
  const seconds = secondsOf(text);
  if (seconds === undefined)
    throw new UsageError(`${option} ${text}: expected a length of time like 90m, 12h, 30d or 6w`);
  if (seconds > mostDays * 86_400) throw new UsageError(`${option} ${text}: ${mostDays}d is the most`);
  return seconds;
}

/**
 * When something ends, as a time in UTC; null is never. A date without a time includes that day.
 */
export function parseMoment(option: string, text: string, now: Date): string | null {
  if (text === "never") return null;
  const seconds = secondsOf(text);
  const moment = seconds === undefined ? dateOf(text) : new Date(now.getTime() + seconds * 1000);
  if (moment === undefined || Number.isNaN(moment.getTime()))
    throw new UsageError(
      `${option} ${text}: expected a length of time (12h, 30d, 6w), a date (2027-01-31), a time (2027-01-31T12:00:00Z) or never`,
    );
  if (moment.getTime() > LAST_MOMENT)
    throw new UsageError(`${option} ${text}: the last day there is is 9999-12-30; for no end at all: never`);
  return moment.toISOString().replace(/\.\d{3}Z$/, "Z");
}

/** When a client's access ends; it has to be in the future. */
export function parseExpiry(text: string, now: Date): string | null {
  const moment = parseMoment("--expires", text, now);
  if (moment !== null && Date.parse(moment) <= now.getTime())
    throw new UsageError(
      `--expires ${text}: that is in the past (${moment}); to end access now: ./wgc client revoke`,
    );
  return moment;
}

/** A year has four digits in ISO 8601 as everybody reads it. */
const LAST_MOMENT = Date.UTC(9999, 11, 31, 23, 59, 59);

function dateOf(text: string): Date | undefined {
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
  if (!day && !/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text))
    return undefined;
  const parsed = new Date(day ? `${text}T00:00:00Z` : text);
  // Date takes 2027-02-31 for the third of March, and 24:00 for the next day's midnight.
  const asWritten = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(asWritten.getTime()) || !asWritten.toISOString().startsWith(text.slice(0, 10)))
    return undefined;
  if (Number.isNaN(parsed.getTime()) || text.slice(11, 13) === "24") return undefined;
  return day ? new Date(parsed.getTime() + 86_400_000) : parsed;
}

/** `a,b` as a list without blanks. */
export function parseList(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

/** Everything, in IPv4: the tunnel carries no IPv6. */
const EVERYTHING = "0.0.0.0/0";

/** How a client's routes were chosen on the command line. */
export interface RouteOptions {
  readonly routes?: string;
  readonly fullTunnel?: boolean;
  readonly splitTunnel?: boolean;
}

/** The routes that were chosen: a list, null for the cluster's own, undefined when nothing was said. */
export function parseRoutes(options: RouteOptions): string[] | null | undefined {
  const given = [options.routes !== undefined, options.fullTunnel, options.splitTunnel].filter(
    Boolean,
  ).length;
  if (given > 1) throw new UsageError("give only one of --routes, --full-tunnel and --split-tunnel");
  if (options.fullTunnel) return [EVERYTHING];
  if (options.splitTunnel) return null;
  if (options.routes === undefined) return undefined;
  const ranges = parseList(options.routes);
  const bad = ranges.find((range) => !isCidr(range));
  if (ranges.length === 0 || bad !== undefined)
    throw new UsageError(
      `--routes ${bad ?? '""'}: expected ranges in CIDR form, as in: --routes 10.0.0.0/16,192.168.7.0/24`,
    );
  return ranges.map(canonicalCidr);
}

/** DNS servers and search domains; null for the cluster's own (`cluster`). */
export function parseDns(text: string | undefined): string[] | null | undefined {
  if (text === undefined) return undefined;
  return text === "cluster" ? null : parseList(text);
}

/** One address, with or without its length. */
export function parseAddress(text: string): string {
  const whole = text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`;
  if (isHostCidr(whole)) return whole;
  throw new UsageError(`--address ${text}: expected one address, as in: --address 10.100.0.7`);
}

/** A public key as WireGuard programs print it. */
export function parsePublicKey(text: string): string {
  if (isUsablePublicKey(text)) return text;
  throw new UsageError(
    "--public-key: that is no usable public key; expected the 44 characters that 'wg pubkey' prints",
  );
}

/** A whole number of an option, within limits. */
export function parseNumber(option: string, text: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not '${text}'`);
}

/** Collects `--tag key=value`. */
export function collectTag(
  text: string,
  tags: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`--tag ${text}: expected key=value, as in: --tag team=ops`);
  return { ...tags, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Collects the values of an option that may be given several times. */
export function collect(text: string, values: readonly string[] = []): string[] {
  return [...values, text];
}

/** How long `--wait` waits unless it says so. */
const WAIT_SECONDS = 60;

/** Adds `--wait`. */
export function withWait(command: Command): Command {
  return command.option(
    "--wait [seconds]",
    `return when every server has applied it, with the time it took (default ${WAIT_SECONDS})`,
  );
}

/** The limit of `--wait` in seconds; undefined when nobody waits. */
export function waitLimit(wait: string | boolean | undefined): number | undefined {
  if (wait === undefined || wait === false) return undefined;
  return wait === true ? WAIT_SECONDS : parseNumber("--wait", wait as string, 1, 3600);
}

/** `--format`, for commands that write a configuration. */
export function formatOption(): Option {
  return new Option("--format <name>", "form of the configuration")
    .choices(formatNames)
    .default("wg-quick" satisfies FormatName);
}
