import { AwsError } from "../../agent/aws/query";
import type { Sample } from "../../agent/monitoring/datums";
import { CloudWatchPublisher } from "../../agent/monitoring/publisher";
import { zoneOf } from "../../agent/monitoring/start";
import { FakeClock } from "../agent/fake-clock";
import { silent } from "../agent/fixtures";

interface Call {
  Namespace: string;
  MetricData: {
    MetricName: string;
    Dimensions: { Name: string; Value: string }[];
    Timestamp: string;
    Value: number;
  }[];
}

function setup(answer: () => Promise<string> = () => Promise.resolve("")) {
  // Twenty seconds into a minute.
  const clock = new FakeClock(Date.parse("2026-01-01T00:00:20Z"));
  const calls: Call[] = [];
  const numbers = { healthy: 1, takeovers: 5 };
  const read = async (): Promise<Sample[]> => [
    { name: "wgc_healthy", values: [{ value: numbers.healthy, labels: { instance_id: "i-1" } }] },
    { name: "wgc_takeovers_total", values: [{ value: numbers.takeovers, labels: {} }] },
  ];
  const query = {
    call: (_: string, parameters: unknown) => {
      calls.push(parameters as Call);
      return answer();
    },
  };
  const publisher = new CloudWatchPublisher({
    clock,
    log: silent,
    cluster: "c",
    level: "basic",
    zone: async () => "z-a",
    read,
    query,
    random: () => 0.5,
  });
  const values = (call: Call | undefined, name: string) =>
    call?.MetricData.filter(({ MetricName }) => MetricName === name).map(({ Value }) => Value);
  return { clock, calls, numbers, publisher, values };
}

test("one call a minute, dated at the minute's start, in the cluster's namespace", async () => {
  const { calls, clock, publisher } = setup();
  await publisher.start();
  await clock.advance(3 * 60_000);
  expect(calls.map(({ MetricData }) => [...new Set(MetricData.map(({ Timestamp }) => Timestamp))])).toEqual([
    ["2026-01-01T00:01:00.000Z"],
    ["2026-01-01T00:02:00.000Z"],
    ["2026-01-01T00:03:00.000Z"],
  ]);
  expect(calls[0]?.Namespace).toBe("wgc/c");
  expect(
    calls[0]?.MetricData.map(({ MetricName, Dimensions, Value }) => [MetricName, Dimensions, Value]),
  ).toEqual([
    ["Healthy", [], 1],
    ["Healthy", [{ Name: "AvailabilityZone", Value: "z-a" }], 1],
    ["Takeovers", [], 0],
  ]);
});

test("counts are what was added since the last minute that CloudWatch took; levels are as they are", async () => {
  let fail = false;
  const { calls, clock, numbers, publisher, values } = setup(() =>
    fail ? Promise.reject(new AwsError("PutMetricData", "AccessDenied", "no", 403)) : Promise.resolve(""),
  );
  await publisher.start();
  numbers.takeovers = 7;
  await clock.advance(60_000);
  fail = true;
  numbers.takeovers = 10;
  numbers.healthy = 0;
  await clock.advance(60_000);
  fail = false;
  numbers.takeovers = 11;
  await clock.advance(60_000);
  expect(calls.map((call) => values(call, "Takeovers"))).toEqual([[2], [3], [4]]);
  expect(calls.map((call) => values(call, "Healthy"))).toEqual([
    [1, 1],
    [0, 0],
    [0, 0],
  ]);
  expect(publisher.stats).toEqual({ sent: 2, failed: 1 });
});

test("what passes is tried three times, then the minute is given up and the next one comes", async () => {
  const { calls, clock, publisher } = setup(() =>
    Promise.reject(new AwsError("PutMetricData", "Throttling", "slow", 400)),
  );
  await publisher.start();
  await clock.advance(60_000);
  expect([calls.length, publisher.stats.failed]).toEqual([3, 1]);
  await clock.advance(60_000);
  expect([calls.length, publisher.stats.failed]).toEqual([6, 2]);
});

test("a counter that fell has begun anew", async () => {
  const { calls, clock, numbers, publisher, values } = setup();
  await publisher.start();
  numbers.takeovers = 3;
  await clock.advance(60_000);
  expect(values(calls[0], "Takeovers")).toEqual([3]);
});

test("stopped, nothing is sent any more", async () => {
  const { calls, clock, publisher } = setup();
  await publisher.start();
  publisher.stop();
  await clock.advance(180_000);
  expect(calls).toEqual([]);
});

test("the zone is asked for until it is known, and then no more", async () => {
  const answers: (string | undefined)[] = [undefined, "z-a"];
  let asked = 0;
  const zone = zoneOf({ get: async () => answers[asked++] });
  await expect(zone()).rejects.toThrow("names no availability zone");
  await expect(zone()).resolves.toBe("z-a");
  await expect(zone()).resolves.toBe("z-a");
  expect(asked).toBe(2);
});
