import { mayHoldKey, quote, redact } from "../../control/redact";
import { generatePresharedKey } from "../../wireguard/keys";

test("keys are taken out of a text, and known without their end", () => {
  const key = generatePresharedKey();
  expect(redact(`a ${key} b ${key}`)).toBe("a [redacted] b [redacted]");
  expect([mayHoldKey(`x${key}`), mayHoldKey(`Aa${"b".repeat(40)}`), mayHoldKey("a".repeat(63))]).toEqual([
    true,
    true,
    false,
  ]);
  expect([quote(key), quote("a\nb"), quote("x".repeat(100)).length]).toEqual(["(not shown)", '"a\\nb"', 66]);
});
