import fc from "fast-check";
import { giveNames, toClientName } from "../../import/names";
import { isClientName } from "../../registry/layout";
import { client } from "./files";

const key = client(0).publicKey;
const give = (...names: (string | undefined)[]) =>
  giveNames(names.map((wanted) => ({ wanted, publicKey: key })));

test("what is not allowed in a name is replaced, accents go, the ends are clean", () => {
  expect(toClientName("Jürgen's Laptop (neu)")).toBe("jurgen-s-laptop-neu");
  expect(toClientName("../../etc/passwd")).toBe("etc-passwd");
  expect(toClientName("a".repeat(300))).toBe("a".repeat(63));
  expect(toClientName("日本")).toBeUndefined();
  expect(toClientName(undefined)).toBeUndefined();
});

test("a valid name goes to who has it; the others are numbered, and a taken number is passed over", () => {
  expect(give("Alice", "alice", "ALICE", "alice-2")).toEqual(["alice-3", "alice", "alice-4", "alice-2"]);
});

test("without a name, the key's first bytes are it", () => {
  const hex = Buffer.from(key, "base64").toString("hex").slice(0, 8);
  expect(give(undefined, "日本")).toEqual([`client-${hex}`, `client-${hex}-2`]);
});

test("whatever is wanted: valid names, no two alike, valid unique wishes kept", () => {
  const wish = fc.option(
    fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 80 }),
      fc.constantFrom("a", "A", "a-2", "b".repeat(63), "B".repeat(63)),
    ),
    { nil: undefined },
  );
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 12 }), (wishes) => {
      const names = give(...wishes);
      expect(names).toHaveLength(wishes.length);
      expect(names.every(isClientName)).toBe(true);
      expect(new Set(names).size).toBe(names.length);
      for (const [index, wanted] of wishes.entries())
        if (wanted !== undefined && isClientName(wanted) && wishes.indexOf(wanted) === index)
          expect(names[index]).toBe(wanted);
    }),
  );
});
