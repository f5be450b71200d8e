import { type Cluster, isServing, type Workshop } from "../../bench/cluster";
import { FailoverBench } from "../../bench/failover/bench";
import { failoverOptions } from "../../bench/failover/options";
import { summarise } from "../../bench/failover/samples";
import type { Sample } from "../../bench/failover/types";
import type { LabEvent } from "../../lab/status";
import { labProblem, PROJECT, testUnless } from "./support";

// A stalled machine may lose a healthy server; the run then says that it is no sample, and the test runs once more.
jest.retryTimes(1, { logErrorsBeforeRetry: true, retryImmediately: true });

/** The one event that fits. */
function only(events: readonly LabEvent[], pattern: RegExp): { at: number; match: RegExpExecArray } {
  const found = events.flatMap(({ at, text }) => {
    const match = pattern.exec(text);
    return match ? [{ at, match }] : [];
  });
  expect(found).toHaveLength(1);
  const [one] = found;
  if (!one) throw new Error(`nothing says ${pattern}`);
  return one;
}

testUnless(
  labProblem(),
  "the smallest failover benchmark: one crash, and its result is what the lab's own story says",
  async () => {
    const said: string[] = [];
    let cluster: Cluster | undefined;
    const workshop: Workshop = {
      project: PROJECT,
      say: (text) => said.push(text),
      onLab: (opened) => {
        cluster = opened;
      },
    };
    const options = failoverOptions({
      addressing: "masquerade",
      topology: "active-active",
      scenario: "crash",
      load: "busy",
      takeover: "on",
      health: "fast",
      runs: "1",
      clients: "2",
      stack: "dev",
    });
    const samples: Sample[] = [];
    const report = await new FailoverBench(workshop, options, (run, measured) => {
      expect(run).toEqual({ scenario: "crash", takeover: "on", load: "busy", run: 1 });
      samples.push(...measured.samples);
    }).run();
    expect(report.failures).toEqual([]);
    const cell = {
      addressing: "masquerade",
      scenario: "crash",
      load: "busy",
      takeover: "on",
      health: "fast",
      runs: 1,
    } as const;
    expect(JSON.parse(JSON.stringify(report.results))).toEqual([summarise(cell, samples)]);
    expect(said.at(-1)).toMatch(
      /^crash, takeover on, run 1: busy: \d clients, .*\(1 of 1 runs, about 0 min left\)$/,
    );

    const events = cluster?.events ?? [];
    const crash = only(events, /^(s\d) crashed$/);
    const moved = only(events, new RegExp(`moves (\\d+) flows? away from ${crash.match[1]}`));
    expect(samples).toHaveLength(Number(moved.match[1]));
    for (const { client, outage, afterReroute = Number.NaN, lost } of samples) {
      expect(["c1", "c2"]).toContain(client);
      // From the last answer, before the crash, to the re-route: the lab's story has the same time between the two.
      const detection = moved.at - crash.at;
      expect(Math.abs(outage - afterReroute - detection)).toBeLessThan(1000);
      // A hundred requests a second, nearly all of which are lost meanwhile; a busy machine sends fewer.
      expect(lost).toBeGreaterThan(outage / 40);
      expect(lost).toBeLessThan(outage / 8);
    }
  },
  180_000,
);

test("a server is in service when it runs, is healthy and can be reached", () => {
  const server = { state: "running", health: "healthy", cut: false } as Parameters<typeof isServing>[0];
  expect(isServing(server)).toBe(true);
  expect(isServing({ ...server, cut: true })).toBe(false);
  expect(isServing({ ...server, state: "crashed" })).toBe(false);
  expect(isServing({ ...server, health: "draining" })).toBe(false);
});
