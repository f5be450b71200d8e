import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HandshakeCounter } from "../../agent/monitoring/handshakes";
import {
  AllowanceWatch,
  defaultInterface,
  parseAllowances,
  readTraffic,
} from "../../agent/monitoring/kernel-counters";
import { SyncAge } from "../../agent/monitoring/sync-age";
import { FakeClock } from "./fake-clock";
import { key, silent } from "./fixtures";

/** As `ethtool -S` prints it on an instance, shortened. */
const ENA = `NIC statistics:
     tx_timeout: 0
     bw_in_allowance_exceeded: 5
     bw_out_allowance_exceeded: 14368
     pps_allowance_exceeded: 0
     conntrack_allowance_exceeded: 1
     linklocal_allowance_exceeded: 2
     conntrack_allowance_available: 601984
     queue_0_tx_cnt: 4
`;
const ROUTES = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wg0	0000640A	00000000	0001	0	0	0	0000FFFF	0	0	0
ens5	00000000	0100000A	0003	0	0	512	00000000	0	0	0
ens5	0000000A	00000000	0001	0	0	512	00F0FFFF	0	0	0
`;

test("the driver's counters of exceeded allowances, and none of another driver's", () => {
  expect(Object.fromEntries(parseAllowances(ENA))).toEqual({
    bw_in: 5,
    bw_out: 14368,
    pps: 0,
    conntrack: 1,
    linklocal: 2,
  });
  expect(parseAllowances("NIC statistics:\n     rx_packets: 3\n").size).toBe(0);
});

test("the interface to the world is the default route's", () => {
  expect(defaultInterface(ROUTES)).toBe("ens5");
  expect(defaultInterface("Iface\tDestination\n")).toBeUndefined();
});

test("the driver is asked every half minute; while the tool fails the last numbers stay", async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  let fails = false;
  const exec = async (file: string, args: readonly string[]) => {
    asked.push([file, ...args].join(" "));
    if (fails) throw new Error("no such tool");
    return ENA;
  };
  const watch = new AllowanceWatch(exec, clock, silent, async () => ROUTES);
  void watch.start();
  await clock.advance(0);
  expect(watch.last.get("bw_in")).toBe(5);
  fails = true;
  await clock.advance(60_000);
  expect(asked).toEqual(Array(3).fill("ethtool -S ens5"));
  expect(watch.last.get("bw_in")).toBe(5);
  watch.stop();
  await clock.advance(60_000);
  expect(asked).toHaveLength(3);
});

test("an interface's traffic as the kernel counts it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wgc-net-"));
  const statistics = join(folder, "wg0", "statistics");
  mkdirSync(statistics, { recursive: true });
  for (const [name, value] of Object.entries({ rx_bytes: 1, tx_bytes: 2, rx_packets: 3, tx_packets: 4 }))
    writeFileSync(join(statistics, name), `${value}\n`);
  expect(await readTraffic("wg0", folder)).toEqual({
    bytes: { received: 1, sent: 2 },
    packets: { received: 3, sent: 4 },
  });
  expect(await readTraffic("wg1", folder)).toBeUndefined();
  rmSync(folder, { recursive: true });
});

test("handshakes count from the second look on, each once, without the probe's", () => {
  const counter = new HandshakeCounter(key(9));
  const look = (...peers: [number, number][]) => {
    counter.observe(
      peers.map(([byte, latestHandshake]) => ({ publicKey: key(byte), latestHandshake })) as never,
    );
    return counter.total;
  };
  expect(look([1, 100], [9, 100])).toBe(0);
  expect(look([1, 100], [9, 130])).toBe(0);
  expect(look([1, 220], [2, 221], [9, 240])).toBe(2);
  expect(look([2, 221])).toBe(2);
  expect(look([1, 0], [2, 341])).toBe(3);
});

test("the age grows while the registry cannot be read, and while what was read cannot be applied", () => {
  const state = {
    known: 1,
    applied: undefined as number | undefined,
    readAt: undefined as number | undefined,
    now: 1000,
  };
  const age = new SyncAge({
    known: () => state.known,
    applied: () => state.applied,
    readAt: () => state.readAt,
    now: () => state.now,
  });
  state.now = 6000;
  expect(age.seconds).toBe(5); // never read: since the start
  Object.assign(state, { applied: 1, readAt: 7000, now: 7500 });
  expect(age.seconds).toBe(0.5);
  state.now = 67_000; // the file system hangs
  expect(age.seconds).toBe(60);
  Object.assign(state, { readAt: 68_000, known: 2, now: 70_000 }); // read again, not applied
  expect(age.seconds).toBe(63);
  state.applied = 2;
  expect(age.seconds).toBe(2);
});
