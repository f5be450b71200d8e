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
]);

export type Fault = z.infer<typeof faultSchema>;

/** What each fault does, for `--help`, error messages and the docs. */
export const FAULTS: Record<Fault["kind"], { argument?: "server" | "zone" | "capacity"; what: string }> = {
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
};

/**
 * Reads a fault from words such as `crash s1` or `scale 4`.
 *
 * @throws UserError that lists what there is.
 */
export function parseFault(words: readonly string[]): Fault {
  const [kind = "", argument, ...rest] = words;
  const known = Object.hasOwn(FAULTS, kind) ? FAULTS[kind as Fault["kind"]] : undefined;
  if (!known) {
    throw new UserError(`unknown fault '${kind}'; there are: ${Object.keys(FAULTS).join(", ")}`);
  }
  if (rest.length > 0 || (known.argument === undefined) !== (argument === undefined)) {
    throw new UserError(
      `fault ${kind} takes ${known.argument ? `one ${known.argument}` : "no argument"}, as in: ${usage(kind)}`,
    );
  }
  if (!known.argument) return faultSchema.parse({ kind });
  if (known.argument !== "capacity") return faultSchema.parse({ kind, [known.argument]: argument });
  if (!/^\d+$/.test(argument ?? ""))
    throw new UserError(`capacity must be a whole number, not '${argument}', as in: ${usage(kind)}`);
  return { kind: "scale", capacity: Number(argument) };
}

function usage(kind: string): string {
  const examples = { server: " s1", zone: " us-east-1a", capacity: " 4" } as const;
  const argument = FAULTS[kind as Fault["kind"]].argument;
  return `./wgc lab fault ${kind}${argument ? examples[argument] : ""}`;
}
