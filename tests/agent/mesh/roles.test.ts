import { ACTIVE, type Candidate, holderOf, wentOn, zoneRole } from "../../../agent/mesh/roles";
import { NO_SENIORITY } from "../../../agent/mesh/standing";

const server = (instance: string, zone: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ instance, zone, state: "ready", nextHop: true, steady: true, owns: [] },
  ...{ since: [], calling: [], calm: true, apart: false },
  ...more,
});
const A = zoneRole("a");
const own = { owns: [A] };

test.each<[string, Candidate[], string | undefined]>([
  ["the first of the zone", [server("i-3", "a"), server("i-2", "a"), server("i-1", "b")], "i-2"],
  ["whoever has it already", [server("i-3", "a", own), server("i-2", "a"), server("i-1", "b")], "i-3"],
  ["the first of two who have it", [server("i-3", "a", own), server("i-2", "a", own)], "i-2"],
  [
    "the one of two that has had it for longer",
    [server("i-2", "a", { ...own, since: [900] }), server("i-3", "a", { ...own, since: [800] })],
    "i-3",
  ],
  [
    "the one that says since when, of two",
    [server("i-2", "a", own), server("i-3", "a", { ...own, since: [800] })],
    "i-3",
  ],
  [
    "another zone's, while the zone's own goes up and down",
    [server("i-1", "a", { calm: false }), server("i-2", "b", own)],
    "i-2",
  ],
  [
    "the zone's own that has it, though it was ill a moment ago",
    [server("i-3", "a", { ...own, calm: false }), server("i-2", "a"), server("i-1", "b")],
    "i-3",
  ],
  ["another zone's server where the zone has none", [server("i-2", "b"), server("i-3", "c")], "i-2"],
  ["the zone's own again when it comes back", [server("i-1", "b", own), server("i-2", "a")], "i-2"],
  ["nobody that has only just come", [server("i-1", "a", { steady: false }), server("i-2", "a")], "i-2"],
  ["nobody whom the network stops", [server("i-1", "a", { nextHop: false }), server("i-2", "a")], "i-2"],
  [
    "not whoever drains, though it has it",
    [server("i-1", "a", { ...own, state: "draining" }), server("i-2", "a")],
    "i-2",
  ],
  [
    "not whoever is ill, though it has it",
    [server("i-1", "a", { ...own, state: "unhealthy" }), server("i-2", "b")],
    "i-2",
  ],
  [
    "the one that has it, when all are ill",
    [server("i-1", "a", { state: "unhealthy" }), server("i-2", "a", { ...own, state: "unhealthy" })],
    "i-2",
  ],
  ["nobody whose clock is off", [server("i-1", "a", { apart: true }), server("i-2", "b")], "i-2"],
  [
    "the one that has it, though its clock is off and its zone another",
    [server("i-1", "a"), server("i-2", "b", { ...own, apart: true })],
    "i-2",
  ],
  [
    "the one of two that has had it for longer, though the clocks are apart",
    [server("i-1", "a", { ...own, since: [900] }), server("i-2", "b", { ...own, since: [800], apart: true })],
    "i-2",
  ],
  [
    "another one than whoever drains and whose clock is off",
    [server("i-1", "b"), server("i-2", "a", { ...own, state: "draining", apart: true })],
    "i-1",
  ],
  [
    "the zone's own, when the one whose clock is off drains",
    [server("i-1", "b"), server("i-2", "a"), server("i-3", "a", { ...own, state: "draining", apart: true })],
    "i-2",
  ],
  [
    "the first, when all are ill and nobody has it",
    [server("i-2", "a", { state: "unhealthy" }), server("i-1", "b", { state: "draining" })],
    "i-1",
  ],
  ["nobody, when there is none", [], undefined],
])("a zone's route is kept by %s", (_, candidates, expected) => {
  expect(holderOf(A, candidates, "a")).toBe(expected);
  expect(holderOf(A, candidates.toReversed(), "a")).toBe(expected);
});

test.each<[string, Candidate[], string | undefined]>([
  [
    "the one that has held it for longest",
    [server("i-2", "b", { ...own, since: [9] }), server("i-3", "b", { ...own, since: [8] })],
    "i-3",
  ],
  ["whether it is steady or not", [server("i-2", "b", { ...own, since: [9], steady: false })], "i-2"],
  ["nobody that was cut off as well", [server("i-2", "b", { ...own, since: [NO_SENIORITY] })], undefined],
  ["nobody that does not say since when", [server("i-2", "b", own)], undefined],
  ["nobody that does not have it", [server("i-2", "a")], undefined],
  ["nobody that is ill", [server("i-2", "a", { ...own, since: [9], state: "unhealthy" })], undefined],
  ["nobody whom the network stops", [server("i-2", "a", { ...own, since: [9], nextHop: false })], undefined],
])("one that was cut off gives a zone's route up to %s", (_, candidates, expected) => {
  expect(wentOn(A, candidates, "a")).toBe(expected);
});

test("the active server is one whatever its zone, and stays when an earlier one comes", () => {
  const later = server("i-5", "b", { owns: [ACTIVE] });
  expect(holderOf(ACTIVE, [server("i-1", "a"), later])).toBe("i-5");
  expect(holderOf(ACTIVE, [server("i-1", "a"), { ...later, owns: [] }])).toBe("i-1");
  expect(holderOf(ACTIVE, [server("i-1", "a", { nextHop: false })])).toBe("i-1");
});
