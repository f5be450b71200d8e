import { UserError } from "../../config/errors";
import { loadSettings } from "../../config/load";
import { cronProblem } from "../../config/schedule";

const load = (values: Record<string, string>) => {
  const own = Object.entries(values).map(([key, value]) => [`wgc:${key}`, value]);
  return loadSettings({ stack: "dev", values: { "aws:region": "us-east-1", ...Object.fromEntries(own) } });
};
function fault(values: Record<string, string>): string {
  try {
    load(values);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return "";
}
const schedule = (...entries: object[]): Record<string, string> => ({
  scheduledCapacity: JSON.stringify(entries),
});
const morning = { name: "morning", cron: "0 7 * * MON-FRI", timeZone: "Europe/Berlin", min: 6 };

test("schedules are read, in UTC unless they say otherwise", () => {
  const night = { name: "night", cron: "30 20 * * *", min: 3, max: 6, desired: 3 };
  expect(load(schedule(morning, night)).settings.scheduledCapacity).toEqual([
    morning,
    { ...night, timeZone: "Etc/UTC" },
  ]);
});

test.each([
  ["0 7 * * MON-FRI", undefined],
  ["*/15 0-6,20 1 JAN,JUN 0", undefined],
  ["0 7 * *", "it must have five fields: minute, hour, day of the month, month, day of the week"],
  ["60 7 * * *", 'its minute "60" must be * or a number from 0 to 59'],
  ["0 24 * * *", 'its hour "24" must be * or a number from 0 to 23'],
  ["0 7 MON * *", 'its day of the month "MON" must be * or a number from 1 to 31'],
  ["0 7 * * 1,", 'its day of the week "" must be * or a number from 0 to 7'],
])("cron %s: %s", (cron, problem) => expect(cronProblem(cron)).toBe(problem));

test.each([
  ["no JSON", { scheduledCapacity: "0 7 * * *" }, "it is no JSON"],
  ["a zone that is none", schedule({ ...morning, timeZone: "Berlin" }), "0.timeZone: is no time zone"],
  ["a bad cron", schedule({ ...morning, cron: "x" }), "0.cron: it must have five fields"],
  [
    "nothing to change",
    schedule({ name: "a", cron: "0 7 * * *" }),
    "one of min, max and desired must be there",
  ],
  ["one name twice", schedule(morning, morning), 'the name "morning" is there twice'],
  ["an unknown field", schedule({ ...morning, size: 3 }), 'Unrecognized key: "size"'],
  [
    "more than the group may have",
    schedule({ ...morning, min: 10 }),
    "(morning) must not have min 10 above max 9",
  ],
  [
    "more than the subnets are checked for",
    schedule({ ...morning, min: 10, max: 12 }),
    "must not have max above wgc:maxServers (9)",
  ],
  [
    "fewer than the alarms want",
    schedule({ ...morning, min: 2 }),
    "(morning) must not have min below wgc:minServers (3)",
  ],
  [
    "a wish outside of its own bounds",
    schedule({ ...morning, desired: 4 }),
    "must have desired between min 6 and max 9",
  ],
  [
    "too few for the zones",
    { ...schedule({ ...morning, min: 2 }), minServers: "2", crossZone: "false" },
    "must have min at least wgc:availabilityZoneCount (3)",
  ],
  // AWS refuses a schedule only when it is due, and tells nobody.
  [
    "a most that is below the least that another one leaves",
    schedule(morning, { name: "night", cron: "0 20 * * *", max: 5 }),
    "(morning) must not have min 6 above max 5, one of which another schedule leaves so; name both here",
  ],
  [
    "a wish below the least that another one leaves",
    schedule(morning, { name: "night", cron: "0 20 * * *", desired: 3 }),
    "(night) must have desired between min 6 and max 9, one of which another schedule leaves so",
  ],
  [
    "a wish above the most that another one leaves",
    schedule({ name: "night", cron: "0 20 * * *", max: 5 }, { name: "noon", cron: "0 12 * * *", desired: 6 }),
    "(noon) must have desired between min 3 and max 5, one of which another schedule leaves so",
  ],
])("a schedule with %s is refused", (_, values, message) => expect(fault(values)).toContain(message));

test("schedules that each name both bounds may lie apart", () => {
  const apart = schedule({ ...morning, max: 9 }, { name: "night", cron: "0 20 * * *", min: 3, max: 5 });
  expect(fault(apart)).toBe("");
});

test("the command that mends a schedule can be pasted into a shell", () => {
  expect(fault({ scheduledCapacity: "x" })).toContain(
    `pulumi config set wgc:scheduledCapacity '[{"name":"morning",`,
  );
});

test.each([
  ["another architecture", "c7i.medium"],
  ["CPU credits", "t4g.medium"],
  ["the type itself", "c7g.medium"],
])("a mix with %s is refused", (_, type) => {
  const message = fault({ extraInstanceTypes: `c8g.medium,${type}` });
  expect(message).toContain(`(${type})`);
  expect(message).toContain("pulumi config set wgc:extraInstanceTypes c8g.medium");
});

test("a warm pool beside Spot or several types is refused, because AWS has none", () => {
  expect(fault({ warmPoolSize: "1", onDemandPercent: "50" })).toContain(
    "wgc:warmPoolSize is 1: it must be 0 while",
  );
  expect(fault({ warmPoolSize: "1", extraInstanceTypes: "c8g.medium" })).toContain("must be 0 while");
  expect(load({ warmPoolSize: "1" }).settings.warmPoolSize).toBe(1);
});

test("Spot instances of one type alone deserve a warning", () => {
  expect(load({ onDemandPercent: "0" }).warnings.join()).toContain("Spot instances of one type");
  expect(load({ onDemandPercent: "0", extraInstanceTypes: "c8g.medium" }).warnings).toEqual([]);
});
