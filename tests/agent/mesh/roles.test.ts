import { ACTIVE, type Candidate, holderOf, zoneRole } from "../../../agent/mesh/roles";

const server = (instance: string, zone: string, more: Partial<Candidate> = {}): Candidate => ({
  ...{ instance, zone, state: "ready", nextHop: true, steady: true, owns: [] },
  ...more,
});
const A = zoneRole("a");
const own = { owns: [A] };

test.each<[string, Candidate[], string | undefined]>([
  ["the first of the zone", [server("i-3", "a"), server("i-2", "a"), server("i-1", "b")], "i-2"],
  ["whoever has it already", [server("i-3", "a", own), server("i-2", "a"), server("i-1", "b")], "i-3"],
  ["the first of two who have it", [server("i-3", "a", own), server("i-2", "a", own)], "i-2"],
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
  ["nobody, when there is none", [], undefined],
])("a zone's route is kept by %s", (_, candidates, expected) => {
  expect(holderOf(A, candidates, "a")).toBe(expected);
  expect(holderOf(A, candidates.toReversed(), "a")).toBe(expected);
});

test("the active server is one whatever its zone, and stays when an earlier one comes", () => {
  const later = server("i-5", "b", { owns: [ACTIVE] });
  expect(holderOf(ACTIVE, [server("i-1", "a"), later])).toBe("i-5");
  expect(holderOf(ACTIVE, [server("i-1", "a"), { ...later, owns: [] }])).toBe("i-1");
  expect(holderOf(ACTIVE, [server("i-1", "a", { nextHop: false })])).toBe("i-1");
});
