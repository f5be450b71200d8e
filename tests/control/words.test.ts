import { mayHoldKey, quote, redact } from "../../control/redact";
import { suggest } from "../../control/suggest";
import { generatePresharedKey } from "../../wireguard/keys";

test.each([
  ["alcie", "alice"],
  ["alic", "alice"],
  ["bpb", "bob"],
  ["alice-laptp", "alice-laptop"],
  ["zebra", undefined],
  ["", undefined],
])("%s: %s was meant", (word, meant) => {
  expect(suggest(word, ["alice", "bob", "alice-laptop", "carol"])).toBe(meant);
});

test("the nearest is meant, not the first near one", () => {
  expect(suggest("dev-laptop-2", ["dev-laptop-11", "dev-laptop-22", "dev-laptop-3"])).toBe("dev-laptop-22");
});

test("keys are taken out of a text, and known without their end", () => {
  const key = generatePresharedKey();
  expect(redact(`a ${key} b ${key}`)).toBe("a [redacted] b [redacted]");
  expect([mayHoldKey(`x${key}`), mayHoldKey(`Aa${"b".repeat(40)}`), mayHoldKey("a".repeat(63))]).toEqual([true, true, false]);
  expect([quote(key), quote("a\nb"), quote("x".repeat(100)).length]).toEqual(["(not shown)", '"a\\nb"', 66]);
});
