import * as z from "zod";

/** Fields of a cron expression with what each may hold; names of months and days may stand for numbers. */
const FIELDS = [
  { name: "minute", least: 0, most: 59 },
  { name: "hour", least: 0, most: 23 },
  { name: "day of the month", least: 1, most: 31 },
  { name: "month", least: 1, most: 12 },
  { name: "day of the week", least: 0, most: 7 },
] as const;
const NAMES = /^(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|MON|TUE|WED|THU|FRI|SAT|SUN)$/i;

/** Why a text is no cron expression as Auto Scaling takes it (five fields); undefined when it is one. */
export function cronProblem(text: string): string | undefined {
  const parts = text.trim().split(/\s+/);
  if (parts.length !== FIELDS.length)
    return "it must have five fields: minute, hour, day of the month, month, day of the week";
  for (const [index, { name, least, most }] of FIELDS.entries()) {
    const values = (parts[index] ?? "").split(/[,/-]/);
    const wrong = values.find((value) => !isValue(value, least, most, index >= 3));
    if (wrong !== undefined) return `its ${name} "${wrong}" must be * or a number from ${least} to ${most}`;
  }
  return undefined;
}

function isValue(text: string, least: number, most: number, named: boolean): boolean {
  if (text === "*" || (named && NAMES.test(text))) return true;
  return /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

const servers = z.int().min(2).max(500);
const schema = z
  .array(
    z.strictObject({
      name: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,30}$/, "must be lower-case letters, digits and hyphens, at most 31"),
      cron: z.string().superRefine((text, context) => {
        const problem = cronProblem(text);
        if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
      }),
      timeZone: z.string().refine(isTimeZone, "is no time zone like Europe/Berlin").default("Etc/UTC"),
      min: servers.optional(),
      max: servers.optional(),
      desired: servers.optional(),
    }),
  )
  .max(20)
  .superRefine((list, context) => {
    for (const [index, { name, min, max, desired }] of list.entries()) {
      const fault = (message: string) => context.addIssue({ code: "custom", path: [index], message });
      if (list.findIndex((other) => other.name === name) !== index)
        fault(`the name "${name}" is there twice`);
      if (min === undefined && max === undefined && desired === undefined)
        fault("one of min, max and desired must be there");
    }
  });

/** One change of the group's size that comes back; what is left out stays as it is. */
export type ScheduledCapacity = z.output<typeof schema>[number];

/** Parses schedules from JSON text; empty text means none. */
export function parseSchedules(
  text: string,
): { readonly value: ScheduledCapacity[] } | { readonly problem: string } {
  if (text === "") return { value: [] };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: "it is no JSON" };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  const at = (issue?.path ?? []).map(String).join(".");
  return { problem: `${at === "" ? "" : `${at}: `}${issue?.message ?? "wrong"}` };
}
