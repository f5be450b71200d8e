import { failoverOptions } from "../../bench/failover/options";
import { scenarios } from "../../bench/failover/scenarios";
import { SCENARIOS } from "../../bench/failover/types";
import { UserError } from "../../config/errors";

const WORDS = {
  addressing: "masquerade",
  topology: "active-active",
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
    addressing: "masquerade",
    topology: "active-active",
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
    "--scenario does not know 'boom'; there are: crash, blackhole, drain, replace, roam, scale-in, crash-holder, " +
      "crash-owner, crash-both, owner-drain, overlay-cut, mesh-cut",
  ],
  [{ scenario: "" }, /--scenario does not know ''/],
  [{ load: "lazy" }, "--load does not know 'lazy'; there are: busy, idle, tcp"],
  [{ addressing: "nat" }, "--addressing does not know 'nat'; there are: masquerade, routed"],
  [{ scenario: "crash,mesh-cut" }, "--scenario mesh-cut needs --addressing routed"],
  [
    { addressing: "routed", takeover: "on,off" },
    "--takeover must be on with --addressing routed: servers must know who holds which client",
  ],
  [{ topology: "one" }, "--topology does not know 'one'; there are: active-active, active-passive"],
  [
    { topology: "active-passive", takeover: "on" },
    "--scenario roam needs several servers that serve; with --topology active-passive there are: crash, blackhole, drain, replace",
  ],
  [
    { topology: "active-passive" },
    "--takeover must be on with --topology active-passive: servers must know which of them is active",
  ],
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

test("what is not said follows from the addressing", () => {
  const { scenario: _, load: __, takeover: ___, ...rest } = WORDS;
  expect(failoverOptions(rest)).toMatchObject({
    scenarios: ["crash", "blackhole", "drain", "replace", "roam", "scale-in"],
    loads: ["busy", "idle"],
    takeover: ["on", "off"],
  });
  expect(failoverOptions({ ...rest, topology: "active-passive" })).toMatchObject({
    scenarios: ["crash", "blackhole", "drain", "replace"],
    loads: ["busy", "idle"],
    takeover: ["on"],
  });
  expect(failoverOptions({ ...rest, addressing: "routed" })).toMatchObject({
    scenarios: [
      ...["crash-holder", "crash-owner", "crash-both", "drain", "replace", "roam", "owner-drain"],
      ...["overlay-cut", "mesh-cut"],
    ],
    loads: ["tcp"],
    takeover: ["on"],
  });
});

test("every scenario is there, and says what it does", () => {
  expect(Object.keys(scenarios).sort()).toEqual([...SCENARIOS].sort());
  for (const { what } of Object.values(scenarios)) expect(what.length).toBeGreaterThan(20);
});
