// The agent's own nftables table with the real `nft` and `conntrack`: run inside its own namespaces.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { systemClock } from "../../../agent/clock";
import { exec } from "../../../agent/exec";
import { tellAllEntries } from "../../../agent/takeover/entry-events";
import type { FlowEvent } from "../../../agent/takeover/flow-events";
import { LANES } from "../../../agent/takeover/flow-events";
import { FlowWatch } from "../../../agent/takeover/flow-watch";
import { renderSessionsTable } from "../../../agent/takeover/ruleset";
import { SessionsTable } from "../../../agent/takeover/sessions-table";
import { touchSocket } from "../../../agent/takeover/touch";
import { percentile } from "../../../bench/statistics";
import { silent } from "../fixtures";
import { send, step, tool, until } from "./support";

const PORT = 51820;
/** Both ways to write an index differ in each byte, so that no order but the right one passes. */
const INDEX = 0x84332211;
const WIRE = [0x11, 0x22, 0x33, 0x84];
const HERE = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
const THERE = { 4: "192.0.2.2", 6: "2001:db8::2" } as const;
const LANE = { ...LANES.current, port: PORT };
const [flood = ""] = process.argv.slice(2);
const table = new SessionsTable(exec, LANE);
const LATENCIES = 50;
const seen: { zone: string; event: FlowEvent }[] = [];
/** When each index was told of first. */
const toldAt = new Map<number, number>();

/** This machine, and a neighbour behind a cable. */
async function network(): Promise<void> {
  await tool("mkdir", "-p", "/run/netns");
  await tool("ip", "netns", "add", "there");
  await tool("ip", "link", "add", "e0", "type", "veth", "peer", "name", "e0", "netns", "there");
  for (const [where, addresses] of [
    [[], HERE],
    [["-n", "there"], THERE],
  ] as const) {
    for (const address of [`${addresses[4]}/24`, `${addresses[6]}/64`])
      await tool(
        "ip",
        ...where,
        "address",
        "add",
        address,
        "dev",
        "e0",
        ...(address.includes(":") ? ["nodad"] : []),
      );
    await tool("ip", ...where, "link", "set", "e0", "up");
  }
  const reach = (family: "-4" | "-6", address: string) => tool("ping", family, "-c1", "-W1", address);
  await until("both ways to the neighbour", async () =>
    Promise.all([reach("-4", THERE[4]), reach("-6", THERE[6])]),
  );
}

const packet = (type: number, index = WIRE) => Buffer.from([type, 0, 0, 0, ...index, ...Buffer.alloc(24)]);
/** From the neighbour's port to WireGuard's port here. */
const stray = (family: 4 | 6, index = WIRE, type = 4) =>
  send({
    netns: "there",
    from: [THERE[family], 4500],
    to: [HERE[family], PORT],
    packets: [packet(type, index)],
  });
/** From WireGuard's port here to the neighbour. */
const say = (family: 4 | 6, packets: readonly Buffer[], mayBeDropped = false) =>
  send({ from: [HERE[family], PORT], to: [THERE[family], 4500], packets, mayBeDropped });
/** The neighbour has just spoken, and for so long that a slow machine has time to send what it may send then. */
const heard = async (family: 4 | 6) => {
  const [set, who] = [`inet wgc_sessions heard${family}`, `${THERE[family]} . 4500`];
  const element = (verb: string, more = "") => `${verb} element ${set} { ${who}${more} }`;
  await tool("nft", [element("add"), element("delete"), element("add", " timeout 60s")].join("; "));
};
const handshake = async (family: 4 | 6, index = WIRE, type = 1) => {
  await heard(family);
  await say(family, [packet(type, index)]);
};

const own = (index: number) => seen.filter(({ zone, event }) => zone === "own" && event.index === index);
const strays = (index: number) => seen.filter(({ zone, event }) => zone === "stray" && event.index === index);
const toNumber = (wire: readonly number[]) => Buffer.from(wire).readUInt32LE();
const elements = async (set: string) =>
  (await tool("nft", "list", "set", "inet", "wgc_sessions", set)).match(/0x[0-9a-f]{8}/g) ?? [];

/** A packet that is certainly reported, to know that what came before it was not. */
let marks = 0;
async function barrier(family: 4 | 6): Promise<void> {
  const wire = [0xee, 0xee, marks++, 0xee];
  await stray(family, wire);
  await until("the packet after", async () => strays(toNumber(wire)).length === 1);
}

async function main(): Promise<void> {
  await network();
  assert.equal(await table.isLoaded(), false);
  await table.load();
  assert.equal(await table.isLoaded(), true);
  await tellAllEntries();
  // Nobody listens yet.
  for (const family of [4, 6] as const) await stray(family, [3, 3, 3, family]);
  let gaps = 0;
  const watch = new FlowWatch({
    zones: LANE.zones,
    clock: systemClock,
    log: silent,
    listener: {
      onFlow: (zone, event) => {
        seen.push({ zone, event });
        if (!toldAt.has(event.index)) toldAt.set(event.index, performance.now());
      },
      onGap: () => gaps++,
    },
  });
  watch.start();
  await until("both listeners started", async () => gaps >= 2);
  for (const family of [4, 6] as const)
    await until("the listeners hear", async () => {
      await stray(family, [2, 2, 2, 2 + marks++]);
      await handshake(family, [1, 1, 1, family]);
      return own(toNumber([1, 1, 1, family])).length > 0 && strays(toNumber([2, 2, 2, 1 + marks])).length > 0;
    });

  for (const family of [4, 6] as const) {
    const index = toNumber([3, 3, 3, family]);
    assert.deepEqual(strays(index), []);
    await until("a stray that came before", async () => {
      await stray(family, [3, 3, 3, family]);
      return strays(index).length > 0;
    });
  }
  step("strays that began before anybody listened");
  for (const family of [4, 6] as const) await oneFamily(family);
  step("how late events are told", await latency());
  for (const family of [4, 6] as const) await silence(family);
  await partial();
  await limits();
  await reload();
  await full();
  await incompatible();
  watch.stop();
}

/** Milliseconds from a handshake packet's way out of this process until the event of it is back in here. */
async function latency(): Promise<Record<string, number>> {
  await heard(4);
  const socket = createSocket("udp4");
  socket.bind(PORT, HERE[4]);
  await once(socket, "listening");
  const took: number[] = [];
  for (let n = 0; n < LATENCIES; n++) {
    const wire = [7, 7, n, 7];
    const began = performance.now();
    socket.send(packet(1, wire), 4500, THERE[4]);
    await until("the event of a handshake", async () => toldAt.has(toNumber(wire)));
    took.push((toldAt.get(toNumber(wire)) ?? Number.NaN) - began);
  }
  socket.close();
  const at = (p: number) => Math.round(percentile(took, p) * 100) / 100;
  return { events: LATENCIES, p50Ms: at(50), p95Ms: at(95), maxMs: at(100) };
}

async function oneFamily(family: 4 | 6): Promise<void> {
  const endpoint = family === 4 ? `${THERE[4]}:4500` : `[${THERE[6]}]:4500`;
  const wire = [...WIRE.slice(0, 3), 0x80 + family];
  const index = toNumber(wire);
  await stray(family, wire);
  await until("the stray", async () => strays(index).length === 1);
  assert.deepEqual(strays(index), [{ zone: "stray", event: { endpoint, index } }]);
  await stray(family, wire); // at once again: it is remembered
  for (const type of [1, 2, 3]) await stray(family, [9, 9, 9, family], type); // no transport packets
  await barrier(family);
  assert.deepEqual([strays(index).length, strays(toNumber([9, 9, 9, family])).length], [1, 0]);

  await handshake(family, wire, 1);
  await until("our own handshake", async () => own(index).length === 1);
  assert.deepEqual(own(index), [{ zone: "own", event: { endpoint, index } }]);
  const issued = (await table.issued()).find((entry) => entry.index === index);
  assert.deepEqual({ ...issued, ageMs: 0 }, { endpoint, index, ageMs: 0 });
  assert.ok(issued !== undefined && issued.ageMs < 60_000);
  await handshake(family, [...wire.slice(0, 3), 0x40 + family], 2); // an answer: counts as well
  await until("our answer", async () => own(toNumber([...wire.slice(0, 3), 0x40 + family])).length === 1);
  step(`events of IPv${family}`);

  // From now on it is ours, as the packet path itself recorded it.
  const other = [...wire.slice(0, 2), 0x77, 0x80 + family];
  await handshake(family, other);
  await until("our next handshake", async () => own(toNumber(other)).length === 1);
  await stray(family, other);
  await barrier(family);
  assert.equal(strays(toNumber(other)).length, 0);
  // The agent's own word counts the same.
  const third = [0x12, 0x34, 0x56, 0x80 + family];
  await table.adopt([toNumber(third), 1]);
  await stray(family, third);
  await barrier(family);
  assert.equal(strays(toNumber(third)).length, 0);
  await table.disown();
  assert.deepEqual([await elements("own"), await table.issued()], [[], []]);
  await stray(family, third);
  await until("a stray after all", async () => strays(toNumber(third)).length === 1);
  step(`own indices of IPv${family}`);
}

/** What a server says that flows may not be led to any more reaches only who was heard lately; answers to handshakes reach everybody. */
async function silence(family: 4 | 6): Promise<void> {
  const counted = async () => {
    const chain = await tool("nft", "list", "chain", "inet", "wgc_sessions", "sort_out");
    const name = `@heard${family} counter packets `;
    return Number(chain.split(name)[1]?.split(" ")[0]);
  };
  const data = (bytes: number) => Buffer.concat([packet(4), Buffer.alloc(bytes)]).subarray(0, bytes);
  const all = async () => {
    for (const one of [packet(1), packet(2), data(32), data(33)]) await say(family, [one], true);
    return counted();
  };
  const set = ["inet", "wgc_sessions", `heard${family}`];
  await tool("nft", "flush", "set", ...set);
  assert.equal(await all(), 3, "a handshake, a keepalive and data to somebody who is silent stay here");
  await stray(family);
  assert.match(await tool("nft", "list", "set", ...set), new RegExp(`${THERE[family]} \\. 4500 `));
  await heard(family);
  assert.equal(await all(), 3, "nothing that is said to somebody who speaks");
  await tool("nft", "flush", "set", ...set);
  const touch = ["inet", "wgc_sessions", "touch"];
  touchSocket()();
  await until("the table to know", async () =>
    (await tool("nft", "list", "set", ...touch)).includes("expires"),
  );
  // For so long that a slow machine has time to send what it may send then.
  const element = (verb: string, more = "") => `${verb} element ${touch.join(" ")} { udp${more} }`;
  await tool("nft", [element("delete"), element("add", " timeout 60s")].join("; "));
  assert.equal(await all(), 3, "nothing that a server says which flows are led to");
  await tool("nft", "flush", "set", ...touch);
  assert.equal(await all(), 6, "what one says that they are not led to any more");
  await table.disown();
  step(`silence of IPv${family}`);
}

/** Each chain counts. */
async function partial(): Promise<void> {
  for (const chain of ["stray", "hear", "sort_in", "mark_in", "sort_out", "mark_out"]) {
    await tool("nft", "flush", "chain", "inet", "wgc_sessions", chain);
    assert.equal(await table.isLoaded(), false, chain);
    await table.load();
    assert.equal(await table.isLoaded(), true, chain);
  }
  step("a chain that somebody flushed is missed");
}

/** Made-up indices from one address, and from many, are told up to the limits. */
async function limits(): Promise<void> {
  const one = "192.0.2.10";
  await tool("ip", "-n", "there", "address", "add", `${one}/24`, "dev", "e0");
  await tool("ip", "-n", "there", "route", "add", "local", "198.18.0.0/15", "dev", "lo");
  await tool("ip", "route", "add", "198.18.0.0/15", "dev", "e0");
  const limited = async (from: RegExp, work: () => Promise<unknown>, burst: number, perSecond: number) => {
    const began = performance.now();
    let told = 0;
    // A busy machine loses packets of a flood on their way: too few are no sign of a limit that is too low, unless it is so every time.
    for (let floods = 0; told <= 1000 && floods < 5; floods++) {
      await work();
      await barrier(4);
      told = seen.filter(({ zone, event }) => zone === "stray" && from.test(event.endpoint)).length;
    }
    const most = burst + (perSecond * (performance.now() - began)) / 1000;
    assert.ok(told > 1000 && told <= most + 10, `${told} are told, at most ${most} may be, at least 1000`);
  };
  const fromOne = async () => {
    for (let part = 0; part < 3; part++) {
      const packets = Array.from({ length: 1500 }, () => packet(4, [...randomBytes(4)]));
      await send({ netns: "there", from: [one, 4500], to: [HERE[4], PORT], packets });
    }
  };
  /** A host has a whole /64. */
  const fromOneWithManyAddresses = async () => {
    for (const address of ["2001:db8::a1", "2001:db8::a2", "2001:db8::a3"]) {
      await tool("ip", "-n", "there", "address", "replace", `${address}/64`, "dev", "e0", "nodad");
      const packets = Array.from({ length: 1500 }, () => packet(4, [...randomBytes(4)]));
      await send({ netns: "there", from: [address, 4500], to: [HERE[6], PORT], packets });
    }
  };
  const fromMany = () =>
    tool("ip", "netns", "exec", "there", process.execPath, flood, HERE[4], `${PORT}`, "60000");
  await limited(/^192\.0\.2\.10:/, fromOne, 2000, 500);
  await limited(/^\[2001:db8::a\d\]/, fromOneWithManyAddresses, 2000, 500);
  await limited(/^198\.1[89]\./, fromMany, 10_000, 5000);
  step("strays up to the limits");
}

/** Where the sets of who was heard are full, nobody is kept silent. */
async function full(): Promise<void> {
  await table.remove();
  await tool("sh", "-ec", 'printf %s "$0" | nft -f -', renderSessionsTable(LANE, 2));
  const refused = async () => {
    await say(4, [packet(1)], true);
    const chain = await tool("nft", "list", "chain", "inet", "wgc_sessions", "sort_out");
    return Number(/@heard4 counter packets (\d+)/.exec(chain)?.[1]);
  };
  const talk = (port: number) =>
    send({ netns: "there", from: [THERE[4], port], to: [HERE[4], PORT], packets: [packet(2)] });
  for (const port of [4601, 4602]) await talk(port);
  assert.equal(await refused(), 1, "there is room for all that spoke");
  for (const port of [4603, 4604]) await talk(port);
  assert.equal(await refused(), 1, "somebody may have spoken for whom there was no room");
  step("heard more than there is room for");
}

async function reload(): Promise<void> {
  await table.adopt([INDEX]);
  await handshake(4, [0x55, 5, 5, 5]);
  const before = [await elements("own"), (await table.issued()).map(({ index }) => index)];
  assert.deepEqual([before[0]?.length, before[1]], [2, [toNumber([0x55, 5, 5, 5])]]);
  const rules = () => tool("nft", "-s", "-t", "list", "table", "inet", "wgc_sessions");
  const one = await rules();
  await table.load();
  await table.load();
  assert.equal(await rules(), one, "loading it again doubles no rule");
  assert.deepEqual([await elements("own"), (await table.issued()).map(({ index }) => index)], before);
  await tool("nft", "add", "rule", "inet", "wgc_sessions", "sort_in", "drop");
  await table.load();
  assert.equal(await rules(), one, "rules that somebody added are gone");
  step("loaded again");
}

async function incompatible(): Promise<void> {
  await table.remove();
  assert.equal(await table.isLoaded(), false);
  await tool("nft", "add", "table", "inet", "wgc_sessions");
  await tool("nft", "add", "set", "inet", "wgc_sessions", "own", "{ type ipv4_addr; }");
  await table.load();
  assert.deepEqual(await elements("own"), []);
  await handshake(4);
  assert.deepEqual(await elements("own"), ["0x11223384"]);
  assert.match(renderSessionsTable(LANE), /^add table inet wgc_sessions\n/);
  step("an older table replaced");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
