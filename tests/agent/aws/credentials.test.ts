import { RoleCredentials } from "../../../agent/aws/credentials";
import { AwsError } from "../../../agent/aws/query";
import { withRetry } from "../../../agent/aws/retry";
import { FakeClock } from "../fake-clock";

function imds(items: Record<string, string>) {
  const asked: string[] = [];
  const get = (item: string) => {
    asked.push(item);
    return Promise.resolve(items[item]);
  };
  return { asked, get };
}
const answer = (until: string) =>
  JSON.stringify({ AccessKeyId: "A", SecretAccessKey: "S", Token: "T", Expiration: until, Code: "Success" });

test("the role's keys are read once, and again five minutes before they end", async () => {
  const clock = new FakeClock(Date.parse("2026-01-01T00:00:00Z"));
  const source = imds({
    "iam/security-credentials/": "wgc-server\n",
    "iam/security-credentials/wgc-server": answer("2026-01-01T01:00:00Z"),
  });
  const credentials = new RoleCredentials(source, clock);
  const first = { accessKeyId: "A", secretAccessKey: "S", sessionToken: "T" };
  expect(await credentials.get()).toEqual(first);
  clock.skip(54 * 60_000);
  expect(await credentials.get()).toEqual(first);
  expect(source.asked).toHaveLength(2);
  clock.skip(60_000);
  await credentials.get();
  expect(source.asked).toHaveLength(4);
});

test.each([
  [{}, "this instance has no IAM role"],
  [{ "iam/security-credentials/": "r", "iam/security-credentials/r": "S3cret" }, "are no JSON"],
  [
    { "iam/security-credentials/": "r", "iam/security-credentials/r": '{"SecretAccessKey":"S3cret"}' },
    "unknown form",
  ],
])("what is no set of keys is named without showing it: %#", async (items, message) => {
  const error = await new RoleCredentials(imds(items), new FakeClock())
    .get()
    .catch((caught: unknown) => caught);
  expect(String(error)).toContain(message);
  expect(String(error)).not.toContain("S3cret");
});

describe("calls are repeated", () => {
  const throttled = new AwsError("X", "Throttling", "slow", 400);
  const refused = new AwsError("X", "AccessDenied", "no", 403);

  async function attempts(errors: readonly Error[], limit = 4) {
    const clock = new FakeClock();
    const times: number[] = [];
    const left = [...errors];
    const outcome = withRetry({ clock, attempts: limit, firstMs: 100, random: () => 1 }, () => {
      times.push(clock.monotonic());
      const error = left.shift();
      return error === undefined ? Promise.resolve("done") : Promise.reject(error);
    }).catch((error: unknown) => error);
    await clock.advance(60_000);
    return { times, outcome: await outcome };
  }

  test("with longer and longer waits while the reason passes", async () => {
    expect(await attempts([throttled, throttled, throttled])).toEqual({
      times: [0, 100, 300, 700],
      outcome: "done",
    });
  });
  test("no more often than allowed", async () => {
    expect(await attempts([throttled, throttled, throttled], 2)).toEqual({
      times: [0, 100],
      outcome: throttled,
    });
  });
  test("but not when AWS refuses", async () => {
    expect(await attempts([refused])).toEqual({ times: [0], outcome: refused });
  });
});
