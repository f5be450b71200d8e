import { failoverOptions } from "../../bench/failover/options";
import { scenarios } from "../../bench/failover/scenarios";
import { SCENARIOS } from "../../bench/failover/types";
import { UserError } from "../../config/errors";

const WORDS = {
  scenario: "crash,roam",
  load: "busy",
  takeover: "on,off",
  health: "nlb",
  runs: "20",
  clients: "8",
  stack: "dev",
};

test("words become options, each only once", () => {
  expect(failoverOptions({ ...WORDS, scenario: "roam, crash,roam" })).toEqual({
    scenarios: ["roam", "crash"],
    loads: ["busy"],
    takeover: ["on", "off"],
    health: "nlb",
    runs: 20,
    clients: 8,
    stack: "dev",
  });
});

test.each([
  [
    { scenario: "crash,boom" },
    "--scenario does not know 'boom'; there are: crash, blackhole, drain, replace, roam, scale-in",
  ],
  [{ scenario: "" }, /--scenario does not know ''/],
  [{ load: "lazy" }, "--load does not know 'lazy'; there are: busy, idle"],
  [{ takeover: "yes" }, "--takeover does not know 'yes'; there are: on, off"],
  [{ health: "slow" }, "--health does not know 'slow'; there are: nlb, fast"],
  [{ runs: "0" }, "--runs must be a whole number from 1 to 1000, not '0'"],
  [{ runs: "2.5" }, /--runs must be a whole number/],
  [{ clients: "x" }, /--clients must be a whole number from 1 to 64, not 'x'/],
  [{ load: "busy,idle", clients: "1" }, /--clients must be a whole number from 2 to 64/],
])("%p is refused with one clear sentence", (words, message) => {
  const read = (): unknown => failoverOptions({ ...WORDS, ...words });
  expect(read).toThrow(UserError);
  expect(read).toThrow(message);
});

test("every scenario is there, and says what it does", () => {
  expect(Object.keys(scenarios).sort()).toEqual([...SCENARIOS].sort());
  for (const { what } of Object.values(scenarios)) expect(what.length).toBeGreaterThan(20);
});
