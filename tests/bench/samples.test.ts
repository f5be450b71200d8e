import { partition } from "../../bench/failover/bench";
import { busiest, newcomers } from "../../bench/failover/placement";
import { rows } from "../../bench/failover/report";
import { busySamples, idleSample, NotMeasured, summarise, unmovedSample } from "../../bench/failover/samples";
import type { LabStatus } from "../../lab/status";
import type { Answer, TrafficWindow } from "../../lab/traffic";

const [OLD, NEW, NEWER] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
const answer = (at: number, via: string, seq = at / 10): Answer => ({ at, via, seq, rtt: 1 });

/** A client that sends every 10 ms, and what came back; request n leaves at n × 10. */
function traffic(from: number, all: readonly Answer[]): TrafficWindow {
  return {
    sent: [],
    before: all.findLast(({ at }) => at < from),
    answers: all.filter(({ at }) => at >= from),
  };
}
const every10 = (from: number, to: number, via: string): Answer[] =>
  Array.from({ length: (to - from) / 10 }, (_, index) => answer(from + index * 10, via));

describe("a busy client", () => {
  test("outage starts at the last answer before the incident; the part after the re-route is the first answer elsewhere", () => {
    const all = [...every10(900, 1000, OLD ?? ""), ...every10(4000, 7000, NEW ?? "")];
    const [sample, ...more] = busySamples("c1", [{ at: 3950, from: OLD ?? "" }], traffic(1000, all), {
      from: 1000,
      to: 6990,
    });
    expect(more).toEqual([]);
    expect(sample).toEqual({ client: "c1", outage: 3010, afterReroute: 50, lost: 300 });
  });

  test("answers of the old server after the re-route do not count as recovery", () => {
    const all = [
      ...every10(900, 2000, OLD ?? ""),
      answer(2005, OLD ?? "", 200),
      answer(2100, NEW ?? "", 210),
    ];
    const [sample] = busySamples("c1", [{ at: 2000, from: OLD ?? "" }], traffic(1000, all), {
      from: 1000,
      to: 2100,
    });
    expect(sample).toMatchObject({ outage: 95, afterReroute: 100, lost: 9 });
  });

  test("a pause that follows the recovery counts as outage too", () => {
    const all = [...every10(900, 1000, OLD ?? ""), answer(1100, NEW ?? ""), answer(3000, NEW ?? "")];
    const [sample] = busySamples("c1", [{ at: 1050, from: OLD ?? "" }], traffic(1000, all), {
      from: 1000,
      to: 3050,
    });
    expect(sample?.outage).toBe(1900);
    const [silent] = busySamples("c1", [{ at: 1050, from: OLD ?? "" }], traffic(1000, all.slice(0, -1)), {
      from: 1000,
      to: 4000,
    });
    expect(silent?.outage).toBe(2900);
  });

  test("each move of a rolling replacement is a sample, with its own outage", () => {
    const all = [
      ...every10(900, 2000, OLD ?? ""),
      ...every10(2100, 5000, NEW ?? ""),
      ...every10(5300, 6000, NEWER ?? ""),
    ];
    const moves = [
      { at: 2000, from: OLD ?? "" },
      { at: 5000, from: NEW ?? "" },
    ];
    expect(busySamples("c1", moves, traffic(1000, all), { from: 1000, to: 5990 })).toEqual([
      { client: "c1", outage: 110, afterReroute: 100, lost: 10 },
      { client: "c1", outage: 310, afterReroute: 300, lost: 30 },
    ]);
  });

  test("a client that is moved on before it has recovered is out once, counted from its first move", () => {
    const all = [...every10(900, 2000, OLD ?? ""), ...every10(9000, 12_000, NEWER ?? "")];
    const moves = [
      { at: 2000, from: OLD ?? "" },
      { at: 5000, from: NEW ?? "" },
    ];
    expect(busySamples("c1", moves, traffic(1000, all), { from: 1000, to: 11_990 })).toEqual([
      { client: "c1", outage: 7010, afterReroute: 7000, lost: 700 },
    ]);
  });

  test("where all answers seem to come from one place, only a request that left after the move shows the recovery", () => {
    const own = "10.100.0.2";
    const late = { ...answer(2030, own, 199), rtt: 45 }; // left at 1985, before the flow was gone
    const all = [...every10(900, 2000, own), late, answer(2150, own, 214), answer(2160, own, 215)];
    const moves = [{ at: 1980, done: 1990, from: OLD ?? "" }];
    const [sample] = busySamples("c1", moves, traffic(1000, all), { from: 1000, to: 2160 });
    expect(sample).toMatchObject({ afterReroute: 170, outage: 120 });
  });

  test("a client that is not moved has an outage, and silence at the end counts", () => {
    const all = [...every10(900, 2000, OLD ?? ""), ...every10(4000, 5000, OLD ?? "")];
    expect(unmovedSample("c1", traffic(1000, all), { from: 1000, to: 5000 })).toEqual({
      ...{ client: "c1", outage: 2010, afterReroute: undefined, lost: 200 },
    });
    expect(unmovedSample("c1", traffic(1000, all), { from: 1000, to: 9000 }).outage).toBe(4010);
  });

  test("a client that never comes back is an error and not a sample", () => {
    const all = every10(900, 2000, OLD ?? "");
    expect(() =>
      busySamples("c1", [{ at: 2000, from: OLD ?? "" }], traffic(1000, all), { from: 1000, to: 9000 }),
    ).toThrow(new NotMeasured("c1 got no answer through another server than 10.0.0.1"));
  });
});

describe("an idle client", () => {
  const sent = [100, 200, 300].map((seq) => ({ seq, at: seq * 10 }));
  const window = (answers: Answer[]): TrafficWindow => ({ sent, before: undefined, answers });

  test("counts from its first request, whichever request was answered", () => {
    const found = idleSample("c1", [{ at: 500, from: OLD ?? "" }], window([answer(2050, NEW ?? "", 200)]));
    expect(found).toEqual({ client: "c1", outage: 1050, afterReroute: 1050, lost: 100 });
  });

  test("where the request itself made the re-route, the part after it counts from there", () => {
    const found = idleSample("c1", [{ at: 1010, from: OLD ?? "" }], window([answer(1100, NEW ?? "", 100)]));
    expect(found).toEqual({ client: "c1", outage: 100, afterReroute: 90, lost: 0 });
  });

  test("where nothing is moved, the time after a move is unknown", () => {
    expect(idleSample("c1", [], window([answer(2050, NEW ?? "", 200)]))).toEqual({
      ...{ client: "c1", outage: 1050, afterReroute: undefined, lost: 100 },
    });
  });

  test("without an answer or a request there is no sample", () => {
    const move = { at: 500, from: OLD ?? "" };
    expect(() => idleSample("c1", [move], window([]))).toThrow(NotMeasured);
    expect(() => idleSample("c1", [move], { ...window([]), sent: [] })).toThrow(NotMeasured);
  });
});

const cell = {
  addressing: "masquerade",
  scenario: "crash",
  load: "busy",
  takeover: "on",
  health: "nlb",
  runs: 1,
} as const;

test("a result has the shape that is published, and its row the same numbers", () => {
  const result = summarise(cell, [
    { client: "c1", outage: 7000.04, afterReroute: 120, lost: 700 },
    { client: "c2", outage: 12_345, afterReroute: 90, lost: 1234 },
  ]);
  expect(result).toEqual({
    ...cell,
    samples: 2,
    outage_ms: { p50: 7000, p95: 12_345, max: 12_345 },
    after_reroute_ms: { p50: 90, p95: 120, max: 120 },
    lost_packets: { p50: 700, max: 1234 },
  });
  expect(rows([result])[0]?.join(" ")).toBe(
    "crash busy on 1 2 7.000 s 12.3 s 12.3 s 0.090 s 0.120 s 0.120 s 700 1234",
  );
});

const status = (carried: Record<string, string>): LabStatus =>
  ({
    servers: ["s1", "s2", "s3"].map((name) => ({ name, state: "running", health: "healthy", cut: false })),
    clients: Object.entries(carried).map(([name, server]) => ({ name, server })),
  }) as unknown as LabStatus;

test("both loads see an incident: clients take turns, and the victim is where the rarer load is", () => {
  const parts = partition(["c1", "c2", "c3", "c4"], ["busy", "idle"]);
  expect([...parts]).toEqual([
    ["busy", ["c1", "c3"]],
    ["idle", ["c2", "c4"]],
  ]);
  const seen = status({ c1: "s1", c3: "s1", c2: "s2", c4: "s1" });
  expect(busiest(seen, parts)?.name).toBe("s1");
  expect(newcomers(seen, "s1", parts)).toEqual([]);
  expect(newcomers(seen, "s2", parts)).toEqual(["c1"]);
  const many = partition(["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"], ["busy", "idle"]);
  const lopsided = { c1: "s1", c3: "s1", c5: "s1", c7: "s2", c2: "s2", c4: "s3", c6: "s3", c8: "s3" };
  expect(busiest(status(lopsided), many)?.name).toBe("s2");
});
