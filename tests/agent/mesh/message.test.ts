import { createHmac, randomBytes } from "node:crypto";
import fc from "fast-check";
import { IN_A_MESSAGE, type Message, open, portions, seal } from "../../../agent/mesh/message";
import { key } from "../fixtures";

const KEY = randomBytes(32);
const record = (n: number) => ({ publicKey: key(n % 250), index: n, at: 1_790_000_000_000 + n });
const message: Message = {
  from: "i-1",
  epoch: 5,
  number: 7,
  at: 1_790_000_000_000,
  body: { kind: "sessions", holder: "i-1.next", records: [record(1), record(2)] },
};

test("a message comes out as it went in, and fits into every path's MTU", () => {
  expect(open(seal(message, KEY), KEY)).toEqual(message);
  const records = Array.from({ length: 100 }, (_, n) => record(n));
  const parts = portions(records, IN_A_MESSAGE.records);
  expect(parts.flat()).toEqual(records);
  for (const part of parts) {
    const body = { kind: "sessions", holder: "i-0123456789abcdef0.next", records: part } as const;
    const datagram = seal({ ...message, from: "i-0123456789abcdef0", body }, KEY);
    expect(datagram.length).toBeLessThanOrEqual(1280 - 28);
    expect(open(datagram, KEY)?.body).toEqual(body);
  }
});

test("a request to call clients comes out as it went in, and fits, also with IPv6 endpoints", () => {
  const endpoint = "[2001:db8:1111:2222:3333:4444:5555:6666]:51820";
  const clients = Array.from({ length: 20 }, (_, n) => ({ publicKey: key(n), endpoint }));
  const parts = portions(clients, IN_A_MESSAGE.clients);
  expect(parts.flat()).toEqual(clients);
  for (const part of parts) {
    const [to, from] = ["i-0123456789abcdef1", "i-0123456789abcdef0"];
    const body = { kind: "handOver", to, holder: `${from}.next`, clients: part } as const;
    const datagram = seal({ ...message, from, body }, KEY);
    expect(datagram.length).toBeLessThanOrEqual(1280 - 28);
    expect(open(datagram, KEY)?.body).toEqual(body);
  }
});

test("10,000 datagrams of strangers are refused, and so is every changed byte of a real one", () => {
  const real = seal(message, KEY);
  for (let at = 0; at < real.length; at++) {
    const changed = Buffer.from(real);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(open(changed, KEY)).toBeUndefined();
  }
  expect(open(seal(message, randomBytes(32)), KEY)).toBeUndefined();
  for (let run = 0; run < 10_000; run++) {
    const noise = randomBytes(run % 300);
    expect(open(run % 2 === 0 ? noise : Buffer.concat([real.subarray(0, 36), noise]), KEY)).toBeUndefined();
  }
});

test("what has the right code and another form is refused, not thrown", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      for (const text of [JSON.stringify(value), JSON.stringify({ ...message, body: value }), "{"]) {
        const code = createHmac("sha256", KEY).update(text).digest();
        expect(open(Buffer.concat([Buffer.from("WGC1"), code, Buffer.from(text)]), KEY)).toBeUndefined();
      }
    }),
    { numRuns: 200 },
  );
});
