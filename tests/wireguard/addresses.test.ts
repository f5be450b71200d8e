import fc from "fast-check";
import {
  allocateAddress,
  canonicalCidr,
  clientCapacity,
  freeAddresses,
  isCidr,
  isHostCidr,
  isInside,
  probeAddress,
  serverAddress,
} from "../../wireguard/addresses";

const number = (ip: string) => ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

/** A range of /22 to /29 anywhere, as text with its first and last address as numbers. */
const range = fc
  .record({ prefix: fc.integer({ min: 22, max: 29 }), at: fc.nat({ max: 2 ** 32 - 1 }) })
  .map(({ prefix, at }) => {
    const size = 2 ** (32 - prefix);
    const first = Math.floor(at / size) * size;
    const text = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".");
    return { cidr: `${text}/${prefix}`, first, last: first + size - 1 };
  });

test("addresses are unique, inside the range, and neither network, broadcast, the servers' nor the probes'", () => {
  fc.assert(
    fc.property(range, ({ cidr, first, last }) => {
      const all = [...freeAddresses(cidr, new Set())].map(number);
      expect(all).toEqual(Array.from({ length: last - first - 3 }, (_, i) => first + 2 + i));
      expect(clientCapacity(cidr)).toBe(all.length);
    }),
    { numRuns: 60 },
  );
});

test("allocation gives the lowest free address until the range is full", () => {
  fc.assert(
    fc.property(range, fc.infiniteStream(fc.boolean()), ({ cidr }, coin) => {
      const all = [...freeAddresses(cidr, new Set())];
      const taken = new Set(all.filter(() => coin.next().value));
      for (let free = all.length - taken.size; free > 0; free--) {
        const next = allocateAddress(cidr, taken);
        expect(next).toBe(all.find((ip) => !taken.has(ip)));
        taken.add(next ?? "");
      }
      expect(allocateAddress(cidr, taken)).toBeUndefined();
    }),
    { numRuns: 30 },
  );
});

test("the server has the first host", () => {
  expect(serverAddress("10.100.0.0/16")).toBe("10.100.0.1/16");
  expect(serverAddress("192.168.9.128/25")).toBe("192.168.9.129/25");
  expect(allocateAddress("10.100.0.0/16", new Set())).toBe("10.100.0.2");
  expect(clientCapacity("10.100.0.0/16")).toBe(65_532);
});

test("the probe has the last host, which no client is ever given", () => {
  expect(probeAddress("10.100.0.0/16")).toBe("10.100.255.254");
  expect(probeAddress("192.168.9.128/25")).toBe("192.168.9.254");
  expect([...freeAddresses("10.0.0.0/29", new Set())]).toEqual([
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.4",
    "10.0.0.5",
  ]);
  fc.assert(
    fc.property(range, ({ cidr, last }) => {
      expect(number(probeAddress(cidr))).toBe(last - 1);
      expect([...freeAddresses(cidr, new Set())]).not.toContain(probeAddress(cidr));
    }),
    { numRuns: 60 },
  );
});

test.each(["10.0.0.0/30", "10.0.0.0/31", "10.0.0.0/32", "10.0.0.0", "fd00::/64", "10.0.0.300/24", "x"])(
  "%s is no tunnel range",
  (text) => {
    expect(() => serverAddress(text)).toThrow(RangeError);
  },
);

test("ranges are brought into the form that wg prints", () => {
  expect(canonicalCidr("10.1.2.3/24")).toBe("10.1.2.0/24");
  expect(canonicalCidr("10.1.2.3/32")).toBe("10.1.2.3/32");
  expect(canonicalCidr("10.1.2.3")).toBe("10.1.2.3/32");
  expect(canonicalCidr("0.0.0.0/0")).toBe("0.0.0.0/0");
  expect(canonicalCidr("FD00:0:0::1/128")).toBe("fd00::1/128");
  expect(canonicalCidr("fd00:0:0:5::1/64")).toBe("fd00:0:0:5::/64");
  expect(() => canonicalCidr("10.0.0.256/32")).toThrow("10.0.0.256/32 is not an address range");
});

test("ranges and hosts are told apart", () => {
  expect([isCidr("10.0.0.0/8"), isCidr("10.0.0.0"), isCidr("::/0"), isCidr("10.0.0.0/33")]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([
    isHostCidr("10.0.0.1/32"),
    isHostCidr("10.0.0.0/31"),
    isHostCidr("fd00::1/128"),
    isHostCidr("10.0.0.1"),
  ]).toEqual([true, false, true, false]);
  expect([
    isInside("10.1.0.0/16", "10.0.0.0/8"),
    isInside("10.0.0.0/8", "10.1.0.0/16"),
    isInside("fd00::1/128", "10.0.0.0/8"),
  ]).toEqual([true, false, false]);
});

test("a zone is no part of a range", () => {
  for (const text of ["fe80::1%eth0/64", "fe80::/64%eth0", "fe80::1%eth0/128"])
    expect([isCidr(text), isHostCidr(text)]).toEqual([false, false]);
  expect([isCidr("fe80::1/64"), isHostCidr("fe80::1/128")]).toEqual([true, true]);
});
