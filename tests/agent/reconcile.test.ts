import type { Device } from "../../agent/device";
import { OVERDUE_LIMIT_MS } from "../../agent/health";
import { Mutex } from "../../agent/mutex";
import { decide, Reconciler } from "../../agent/reconcile";
import type { WgCommand } from "../../wireguard/commands";
import type { PeerSpec } from "../../wireguard/diff";
import { FakeClock, settle } from "./fake-clock";
import { device, key, silent } from "./fixtures";

const peer = (byte: number): PeerSpec => ({
  publicKey: key(byte),
  presharedKey: undefined,
  allowedIps: [`10.100.0.${byte}/32`],
});

/** An interface that keeps what it is told, and can be slow or broken. */
class FakeDevice implements Device {
  readonly peers = new Map<string, PeerSpec>();
  readonly calls: string[] = [];
  gate: Promise<void> = Promise.resolve();
  broken: string | undefined;
  /** Called once for each call; settles when the answer is there. */
  delay: () => Promise<void> = () => Promise.resolve();
  active = 0;
  most = 0;

  async observe() {
    return this.call("observe", () => device(this.peers.values()));
  }

  async dump() {
    return this.call("dump", () => device(this.peers.values()).dump);
  }

  async apply(commands: readonly WgCommand[]) {
    await this.call("apply", () => {
      for (const { args, stdin } of commands) {
        for (const [i, arg] of args.entries()) {
          const publicKey = args[i - 1] ?? "";
          if (arg === "remove") this.peers.delete(publicKey);
          if (arg === "allowed-ips")
            this.peers.set(publicKey, { publicKey, allowedIps: [args[i + 1] ?? ""] });
        }
        for (const section of stdin?.split("[Peer]").slice(1) ?? []) {
          const publicKey = /PublicKey = (\S+)/.exec(section)?.[1] ?? "";
          this.peers.set(publicKey, {
            publicKey,
            allowedIps: [/AllowedIPs = (\S+)/.exec(section)?.[1] ?? ""],
          });
        }
      }
    });
  }

  private async call<T>(name: string, work: () => T): Promise<T> {
    this.calls.push(name);
    this.most = Math.max(this.most, ++this.active);
    try {
      await this.gate;
      await this.delay();
      if (this.broken !== undefined) throw new Error(this.broken);
      return work();
    } finally {
      this.active--;
    }
  }
}

function setup(desired: Map<string, PeerSpec> | undefined) {
  const clock = new FakeClock();
  const fake = new FakeDevice();
  const state = { desired, revision: 1 };
  const reconciler = new Reconciler({
    interface: "wg0",
    device: fake,
    lock: new Mutex(),
    clock,
    log: silent,
    desired: () => state.desired,
    revision: () => state.revision,
  });
  return { clock, fake, state, reconciler };
}
const map = (...peers: PeerSpec[]) => new Map(peers.map((p) => [p.publicKey, p]));

test("a narrow decision looks at the named peers only", async () => {
  expect(await decide(new Set([key(3)]), map(peer(2), peer(3)), map(peer(4)))).toEqual([
    { kind: "set", publicKey: key(3), allowedIps: ["10.100.0.3/32"] },
  ]);
  expect(await decide("everything", map(peer(2)), map(peer(2), peer(4)))).toEqual([
    { kind: "remove", publicKey: key(4) },
  ]);
});

test("nothing is applied while nothing is known, and nothing when nothing differs", async () => {
  const { clock, fake, state, reconciler } = setup(undefined);
  fake.peers.set(key(2), peer(2));
  reconciler.request("everything");
  await settle();
  expect([fake.calls, reconciler.appliedRevision]).toEqual([["observe"], undefined]);
  state.desired = map(peer(2));
  await clock.advance(4000);
  expect(fake.calls).toEqual(["observe", "observe"]);
  expect(reconciler.appliedRevision).toBe(1);
});

test("a change of one client neither asks the kernel nor names any other peer", async () => {
  const { fake, state, reconciler } = setup(map(peer(2), peer(3)));
  reconciler.request("everything");
  await settle();
  state.desired = map(peer(2), peer(4));
  state.revision = 2;
  fake.calls.length = 0;
  reconciler.request(new Set([key(3), key(4)]));
  await settle();
  expect(fake.calls).toEqual(["apply"]);
  expect([...fake.peers.keys()].sort()).toEqual([key(2), key(4)].sort());
  expect([reconciler.appliedRevision, reconciler.peerCount]).toEqual([2, 2]);
});

test("triggers while a pass runs join into one more pass; never two at a time", async () => {
  const { fake, state, reconciler } = setup(map(peer(2)));
  let open: () => void = () => {};
  fake.gate = new Promise((resolve) => {
    open = resolve;
  });
  reconciler.request("everything");
  state.desired = map(peer(2), peer(3), peer(4), peer(5));
  for (const byte of [3, 4, 5]) reconciler.request(new Set([key(byte)]));
  state.revision = 9;
  open();
  await settle();
  expect(fake.most).toBe(1);
  expect(reconciler.stats.passes).toBe(2);
  expect([...fake.peers.keys()]).toHaveLength(4);
  expect(reconciler.appliedRevision).toBe(9);
});

test("after a failure the kernel is asked again, with growing pauses, until it works", async () => {
  const { clock, fake, reconciler } = setup(map(peer(2)));
  fake.broken = "wg is away";
  reconciler.request("everything");
  await settle();
  expect([reconciler.error, reconciler.stats.errors, reconciler.appliedRevision]).toEqual([
    "wg is away",
    1,
    undefined,
  ]);
  await clock.advance(500);
  expect(reconciler.stats.errors).toBe(2);
  await clock.advance(999);
  expect(reconciler.stats.errors).toBe(2);
  fake.broken = undefined;
  await clock.advance(1);
  expect([reconciler.error, fake.peers.size, reconciler.appliedRevision]).toEqual([undefined, 1, 1]);
});

test("a peer that somebody else removed or added is put right at the next look", async () => {
  const { clock, fake, reconciler } = setup(map(peer(2)));
  reconciler.request("everything");
  await settle();
  fake.peers.clear();
  fake.peers.set(key(9), peer(9));
  await clock.advance(4000);
  expect([...fake.peers.keys()]).toEqual([key(2)]);
});

test("after stop nothing runs any more", async () => {
  const { clock, fake, reconciler } = setup(map(peer(2)));
  reconciler.request("everything");
  await settle();
  await reconciler.stop();
  const calls = fake.calls.length;
  reconciler.request("everything");
  await clock.advance(60_000);
  expect(fake.calls).toHaveLength(calls);
});

test("after a change that failed half-way, even a narrow request asks the kernel first", async () => {
  const { fake, state, reconciler } = setup(map(peer(2)));
  reconciler.request("everything");
  await settle();
  state.desired = map(peer(3));
  fake.broken = "killed after its first half";
  fake.peers.delete(key(2)); // the half that was done
  reconciler.request(new Set([key(2), key(3)]));
  await settle();
  fake.broken = undefined;
  fake.calls.length = 0;
  reconciler.request(new Set([key(4)]));
  await settle();
  expect(fake.calls).toEqual(["observe", "apply"]);
  expect([...fake.peers.keys()]).toEqual([key(3)]);
});

describe("a loop that is only slow is not stuck", () => {
  test.each([100, 750, 1000, 5000, 14_000])("a device that answers after %d ms", async (ms) => {
    const { clock, fake, reconciler } = setup(map(peer(2)));
    fake.delay = () => new Promise((resolve) => clock.after(ms, resolve));
    reconciler.request("everything");
    let most = 0;
    let lookAt = 0;
    let longestPause = 0;
    for (let passed = 0; passed < 300_000; passed += 250) {
      const looks = fake.calls.filter((call) => call === "observe").length;
      await clock.advance(250);
      most = Math.max(most, reconciler.overdueMs);
      if (fake.calls.filter((call) => call === "observe").length > looks) {
        longestPause = Math.max(longestPause, passed - lookAt);
        lookAt = passed;
      }
    }
    expect(fake.calls.length).toBeGreaterThan(10);
    // The first pass looks and applies; health is asked with the answer on its way, too.
    expect(most).toBeLessThanOrEqual(2 * ms);
    if (ms <= 5000) expect(most).toBeLessThanOrEqual(OVERDUE_LIMIT_MS);
    expect(longestPause).toBeLessThanOrEqual(10_000 + 2 * ms + 500);
  });

  test("a first pass, or one for a single client, that never ends counts from its start", async () => {
    for (const first of [true, false]) {
      const { clock, fake, state, reconciler } = setup(map(peer(2)));
      if (!first) {
        reconciler.request("everything");
        await clock.advance(0);
      }
      fake.delay = () => new Promise(() => {});
      state.desired = map(peer(3));
      reconciler.request(first ? "everything" : new Set([key(3)]));
      await clock.advance(1500);
      expect(reconciler.overdueMs).toBe(1500);
    }
  });

  test("one that never answers, and one whose timer is never called, are", async () => {
    const { clock, fake, reconciler } = setup(map(peer(2)));
    expect(reconciler.overdueMs).toBe(0);
    reconciler.request("everything");
    await clock.advance(1000);
    expect(reconciler.overdueMs).toBe(0);
    fake.delay = () => new Promise(() => {});
    await clock.advance(3000 + OVERDUE_LIMIT_MS + 1);
    expect(reconciler.overdueMs).toBe(OVERDUE_LIMIT_MS + 1);

    const lost = setup(map(peer(2)));
    lost.reconciler.request("everything");
    await settle();
    lost.clock.after = () => ({ cancel: () => {} });
    await lost.clock.advance(4000); // the timer that was there
    await lost.clock.advance(4000 + 20_000);
    expect(lost.reconciler.overdueMs).toBe(20_000);
  });
});

test.each([
  [0, 40],
  [20, 19],
  [200, 2],
])(
  "who asks for a look every 250 ms, where one takes %d ms, has %d in ten seconds: a twentieth of the time",
  async (ms, looks) => {
    const { clock, fake, reconciler } = setup(new Map());
    fake.delay = () => new Promise<void>((resolve) => clock.after(ms, resolve));
    reconciler.request("everything");
    await clock.advance(ms);
    fake.calls.length = 0;
    for (let passed = 0; passed < 10_000; passed += 250) {
      reconciler.requestLook();
      await clock.advance(250);
    }
    expect(fake.calls).toHaveLength(looks);
    await reconciler.stop();
  },
);
