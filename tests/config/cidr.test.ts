import fc from "fast-check";
import { canonical, contains, formatRange, overlaps, parseRange } from "../../config/cidr";

const ranges = fc
  .tuple(fc.nat({ max: 0xffffffff }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => formatRange(address, prefix));

test.each(["10.0.0.0", "10.0.0/16", "10.0.0.0/33", "10.0.0.256/16", "::/0", "10.0.0.0/16 ", "", "a/8"])(
  "%j is no range",
  (text) => {
    expect(parseRange(text)).toBeUndefined();
    expect(canonical(text)).toBeUndefined();
  },
);

test("bounds of a range", () => {
  expect(parseRange("10.1.2.0/23")).toEqual({ first: 0x0a010200, last: 0x0a0103ff, prefix: 23 });
});

test("overlap is symmetric, and holds exactly when one of two ranges contains the other", () => {
  fc.assert(
    fc.property(ranges, ranges, (a, b) => {
      expect(overlaps(a, b)).toBe(overlaps(b, a));
      expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a));
      expect(overlaps(a, a) && contains("0.0.0.0/0", a)).toBe(true);
    }),
  );
});

test("canonical text has no host bits and covers the same addresses", () => {
  fc.assert(
    fc.property(ranges, (text) => {
      const written = canonical(text) ?? "";
      expect(parseRange(written)).toEqual(parseRange(text));
      expect(canonical(written)).toBe(written);
    }),
  );
});
