import { DumpError, parseDump } from "../../wireguard/dump";

const K = (byte: number) => Buffer.alloc(32, byte).toString("base64");

test("a dump as wg prints it", () => {
  const text =
    `${K(9)}\t${K(1)}\t51820\toff\n` +
    `${K(2)}\t(none)\t192.0.2.7:4711\t10.100.0.2/32,fd00::2/128\t1700000000\t1234\t5678\t25\n` +
    `${K(3)}\t${K(4)}\t(none)\t(none)\t0\t0\t0\toff\n`;
  const dump = parseDump(text);
  expect(dump).toEqual({
    interface: { publicKey: K(1), listenPort: 51820, fwmark: undefined },
    peers: [
      {
        publicKey: K(2),
        presharedKey: undefined,
        endpoint: "192.0.2.7:4711",
        allowedIps: ["10.100.0.2/32", "fd00::2/128"],
        latestHandshake: 1_700_000_000,
        rxBytes: 1234,
        txBytes: 5678,
        persistentKeepalive: 25,
      },
      {
        publicKey: K(3),
        presharedKey: K(4),
        endpoint: undefined,
        allowedIps: [],
        latestHandshake: 0,
        rxBytes: 0,
        txBytes: 0,
        persistentKeepalive: 0,
      },
    ],
  });
  expect(JSON.stringify(dump)).not.toContain(K(9));
});

test("an interface without a key, with a mark", () => {
  expect(parseDump("(none)\t(none)\t0\t0x2a\n").interface).toEqual({
    publicKey: undefined,
    listenPort: 0,
    fwmark: 42,
  });
});

test.each([
  ["", "wg dump is empty"],
  [`${K(1)}\t${K(1)}\t51820\n`, "wg dump line 1 has 3 fields, expected 4"],
  [`${K(1)}\t${K(1)}\t1\toff\tmore\n`, "wg dump line 1 has 5 fields, expected 4"],
  [`${K(1)}\t${K(1)}\t1\toff\n${K(2)}\t(none)\n`, "wg dump line 2 has 2 fields, expected 8"],
  [`${K(1)}\t${K(1)}\tx\toff\n`, "wg dump line 1: listen port is not a number"],
  [
    `${K(1)}\t${K(1)}\t1\toff\n${K(2)}\t(none)\t(none)\t(none)\t0\t-5\t0\toff\n`,
    "wg dump line 2: received bytes is not a number",
  ],
])("a broken dump is refused without repeating it (%#)", (text, message) => {
  expect(() => parseDump(text)).toThrow(new DumpError(message));
});
