import fc from "fast-check";
import { subnetLayout } from "../../components/subnet-layout";
import { contains, formatRange, overlaps, parseRange } from "../../config/cidr";

const vpcs = fc
  .tuple(fc.nat({ max: 0xffffffff }), fc.integer({ min: 16, max: 24 }))
  .map(([address, prefix]) => {
    const size = 2 ** (32 - prefix);
    return formatRange(Math.floor(address / size) * size, prefix);
  });
const zoneCounts = fc.integer({ min: 2, max: 4 });

test("10.0.0.0/16 over three zones", () => {
  expect(subnetLayout("10.0.0.0/16", 3)).toEqual({
    privateRanges: ["10.0.0.0/19", "10.0.64.0/19", "10.0.128.0/19"],
    publicRanges: ["10.0.32.0/20", "10.0.96.0/20", "10.0.160.0/20"],
  });
});

test("subnets lie inside the VPC, do not overlap and are large enough for EC2 (/28)", () => {
  fc.assert(
    fc.property(vpcs, zoneCounts, (vpc, zones) => {
      const layout = subnetLayout(vpc, zones);
      const all = [...layout.publicRanges, ...layout.privateRanges];
      expect(all).toHaveLength(2 * zones);
      for (const [index, range] of all.entries()) {
        expect(contains(vpc, range)).toBe(true);
        expect(parseRange(range)?.prefix).toBeLessThanOrEqual(28);
        for (const other of all.slice(index + 1)) expect(overlaps(range, other)).toBe(false);
      }
    }),
  );
});

test("one more zone moves no existing subnet", () => {
  fc.assert(
    fc.property(vpcs, fc.integer({ min: 2, max: 3 }), (vpc, zones) => {
      const [before, after] = [subnetLayout(vpc, zones), subnetLayout(vpc, zones + 1)];
      expect(after.publicRanges.slice(0, zones)).toEqual(before.publicRanges);
      expect(after.privateRanges.slice(0, zones)).toEqual(before.privateRanges);
    }),
  );
});

test.each([
  ["10.0.0.0/25", 3, /vpcCidr is 10\.0\.0\.0\/25/],
  ["nonsense", 3, /vpcCidr is nonsense/],
  ["10.0.0.0/16", 1, /availabilityZoneCount is 1: it must be 2, 3 or 4/],
  ["10.0.0.0/16", 5, /availabilityZoneCount is 5/],
])("%s over %i zones is refused", (vpc, zones, message) => {
  expect(() => subnetLayout(vpc, zones)).toThrow(message);
});
