import { RegistryError, type RegistryErrorKind, remedyOf } from "../../registry/errors";

const kinds: readonly RegistryErrorKind[] = [
  "missing",
  "corrupt",
  "invalid",
  "conflict",
  "full",
  "locked",
  "unknown-client",
];

test.each(kinds)("a %s error says what to do, each kind something else", (kind) => {
  const error = new RegistryError("/r/x.json", "is wrong", kind);
  expect(error.message).toBe("/r/x.json: is wrong");
  expect(remedyOf(error)).toMatch(/^\/r\/x\.json: is wrong; [a-z].{20,}$/);
  const others = kinds.filter((other) => other !== kind);
  expect(others.map((other) => remedyOf(new RegistryError("/r/x.json", "is wrong", other)))).not.toContain(
    remedyOf(error),
  );
});

test("an error's own remedy is said once and stands in for the general one", () => {
  const error = new RegistryError("/r/x.json", "is wrong", "corrupt", "turn it off and on again");
  expect(error.message).toBe("/r/x.json: is wrong; turn it off and on again");
  expect(remedyOf(error)).toBe(error.message);
});
