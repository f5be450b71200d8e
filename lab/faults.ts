/** What can be made to go wrong in a lab: one typed union, parsed from what a person types. */
import { z } from "zod";
import { UserError } from "../config/errors";

export const faultSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("crash"), server: z.string() }),
  z.strictObject({ kind: z.literal("blackhole"), server: z.string() }),
  z.strictObject({ kind: z.literal("heal"), server: z.string() }),
  z.strictObject({ kind: z.literal("stop"), server: z.string() }),
  z.strictObject({ kind: z.literal("start"), server: z.string() }),
  z.strictObject({ kind: z.literal("reboot"), server: z.string() }),
  z.strictObject({ kind: z.literal("drain"), server: z.string() }),
  z.strictObject({ kind: z.literal("undrain"), server: z.string() }),
  z.strictObject({ kind: z.literal("spot"), server: z.string() }),
  z.strictObject({ kind: z.literal("replace") }),
  z.strictObject({ kind: z.literal("scale"), capacity: z.number().int() }),
  z.strictObject({ kind: z.literal("efs-hang") }),
  z.strictObject({ kind: z.literal("efs-heal") }),
  z.strictObject({ kind: z.literal("az-loss"), zone: z.string() }),
  z.strictObject({ kind: z.literal("az-heal"), zone: z.string() }),
  z.strictObject({ kind: z.literal("overlay-cut"), server: z.string(), other: z.string() }),
  z.strictObject({ kind: z.literal("mesh-cut"), server: z.string(), other: z.string() }),
  z.strictObject({ kind: z.literal("pair-heal"), server: z.string(), other: z.string() }),
  z.strictObject({ kind: z.literal("lead"), server: z.string() }),
  z.strictObject({ kind: z.literal("api-throttle") }),
  z.strictObject({ kind: z.literal("api-error") }),
  z.strictObject({ kind: z.literal("api-slow"), seconds: z.number().min(0).max(600) }),
  z.strictObject({ kind: z.literal("api-heal") }),
]);

export type Fault = z.infer<typeof faultSchema>;

/** What a fault may want to be told. */
const ARGUMENTS = {
  server: { wants: "one server", example: "s1", words: 1 },
  servers: { wants: "two servers", example: "s1 s2", words: 2 },
  zone: { wants: "one zone", example: "us-east-1a", words: 1 },
  capacity: { wants: "one capacity", example: "4", words: 1 },
  seconds: { wants: "one number of seconds", example: "8", words: 1 },
} as const;

type Argument = keyof typeof ARGUMENTS;

/** What each fault does, for `--help`, error messages and the docs. */
export const FAULTS: Record<Fault["kind"], { argument?: Argument; what: string }> = {
  crash: { argument: "server", what: "the plug is pulled: everything on the server ends at once" },
  blackhole: {
    argument: "server",
    what: "the server runs on, but no packet reaches or leaves it, the file system's neither",
  },
  heal: { argument: "server", what: "a black hole ends; the server was never restarted" },
  stop: { argument: "server", what: "orderly stop: the agent drains, then the server ends" },
  start: { argument: "server", what: "a crashed or stopped server boots again; a black hole ends" },
  reboot: { argument: "server", what: "orderly stop, then the server boots again with the same disk" },
  drain: { argument: "server", what: "an operator drains the server: unhealthy, but it serves on" },
  undrain: { argument: "server", what: "the server is in service again" },
  spot: { argument: "server", what: "the server gets a spot interruption notice, and drains" },
  replace: { what: "all servers are replaced, one after the other, each by a new one first" },
  scale: { argument: "capacity", what: "the group's desired capacity becomes this number" },
  "efs-hang": { what: "every access to the shared file system blocks, as NFS does without its server" },
  "efs-heal": { what: "the shared file system answers again" },
  "az-loss": {
    argument: "zone",
    what: "all servers of a zone and the load balancer's address there fall silent",
  },
  "az-heal": { argument: "zone", what: "the zone is back" },
  "overlay-cut": {
    argument: "servers",
    what: "two servers lose the packets of clients that they pass on to each other",
  },
  "mesh-cut": { argument: "servers", what: "two servers lose each other's heartbeats and announcements" },
  "pair-heal": { argument: "servers", what: "two servers hear each other again in every way" },
  lead: {
    argument: "server",
    what: "somebody leads the tunnel's range to the server, in the route tables of its zone",
  },
  "api-throttle": { what: "AWS's API refuses every call: request limit exceeded" },
  "api-error": { what: "AWS's API answers every call with an internal error" },
  "api-slow": {
    argument: "seconds",
    what: "calls of AWS's API take effect after so many seconds, usually 1.5",
  },
  "api-heal": { what: "AWS's API works as usual" },
};

/**
 * Reads a fault from words such as `crash s1` or `scale 4`.
 *
 * @throws UserError that lists what there is.
 */
export function parseFault(words: readonly string[]): Fault {
  const [kind = "", ...given] = words;
  const known = Object.hasOwn(FAULTS, kind) ? FAULTS[kind as Fault["kind"]] : undefined;
  if (!known) {
    throw new UserError(`unknown fault '${kind}'; there are: ${Object.keys(FAULTS).join(", ")}`);
  }
  const wanted = known.argument && ARGUMENTS[known.argument];
  if (given.length !== (wanted?.words ?? 0)) {
    throw new UserError(`fault ${kind} takes ${wanted?.wants ?? "no argument"}, as in: ${usage(kind)}`);
  }
  return faultSchema.parse({ kind, ...argumentsOf(kind, known.argument, given) });
}

function argumentsOf(
  kind: string,
  argument: Argument | undefined,
  [first = "", second = ""]: readonly string[],
): Record<string, unknown> {
  switch (argument) {
    case undefined:
      return {};
    case "server":
    case "zone":
      return { [argument]: first };
    case "servers":
      return { server: first, other: second };
    case "capacity":
      if (!/^\d+$/.test(first))
        throw new UserError(`capacity must be a whole number, not '${first}', as in: ${usage(kind)}`);
      return { capacity: Number(first) };
    case "seconds":
      if (!/^\d{1,3}(\.\d+)?$/.test(first) || Number(first) > 600)
        throw new UserError(`seconds must be a number up to 600, not '${first}', as in: ${usage(kind)}`);
      return { seconds: Number(first) };
  }
}

function usage(kind: string): string {
  const { argument } = FAULTS[kind as Fault["kind"]];
  return ["./wgc lab fault", kind, ...(argument ? [ARGUMENTS[argument].example] : [])].join(" ");
}
