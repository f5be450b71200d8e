import { parseSchedules, type ScheduledCapacity } from "./schedule";
import { type Info, setting } from "./values";

/** A JSON list of {@link ScheduledCapacity}. */
export function scheduleList(info: Info) {
  const allowed =
    "a JSON list of at most 20 objects with name, cron, timeZone, min, max and desired, or empty";
  return setting<ScheduledCapacity[]>({ ...info, type: "string", allowed }, (text) => {
    const parsed = parseSchedules(text);
    return "value" in parsed ? parsed : { problem: `${allowed}; ${parsed.problem}` };
  });
}
