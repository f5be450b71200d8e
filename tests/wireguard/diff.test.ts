import fc from "fast-check";
import { wgCommands } from "../../wireguard/commands";
import { applyChanges, diffPeers, type PeerSpec } from "../../wireguard/diff";
import { ZERO_KEY } from "../../wireguard/keys";
import { canonical, peerSet } from "./arbitraries";

const K = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const A: PeerSpec = { publicKey: K(1), allowedIps: ["10.0.0.1/32"] };
const B: PeerSpec = { publicKey: K(2), allowedIps: ["10.0.0.2/32"] };
const byKey = (peers: readonly PeerSpec[]) => new Map(peers.map((peer) => [peer.publicKey, peer]));

test("diff(a, a) is empty", () => {
  fc.assert(fc.property(peerSet, (peers) => expect(diffPeers(peers, [...peers].reverse())).toEqual([])));
});

test("apply(diff(a, b), b) = a, also when addresses move between peers", () => {
  fc.assert(
    fc.property(peerSet, peerSet, (desired, observed) => {
      const after = applyChanges(diffPeers(desired, observed), byKey(observed));
      expect(canonical(after.values())).toEqual(canonical(desired));
    }),
    { numRuns: 500 },
  );
});

test("only peers that differ are named, each once", () => {
  fc.assert(
    fc.property(peerSet, peerSet, (desired, observed) => {
      const named = diffPeers(desired, observed).map((change) => change.publicKey);
      const text = (peer: PeerSpec | undefined) =>
        JSON.stringify(peer === undefined ? [] : canonical([peer]));
      const keys = [...new Set([...desired, ...observed].map((peer) => peer.publicKey))];
      const differing = keys.filter(
        (key) => text(byKey(desired).get(key)) !== text(byKey(observed).get(key)),
      );
      expect([...named].sort()).toEqual(differing.sort());
    }),
  );
});

test("no step takes an address from the peer that shall have it", () => {
  fc.assert(
    fc.property(peerSet, peerSet, (desired, observed) => {
      const owners = new Map(
        desired.flatMap((peer) => peer.allowedIps.map((ip) => [ip, peer.publicKey] as const)),
      );
      let state: Map<string, PeerSpec> = byKey(observed);
      const reached = new Set<string>();
      for (const change of diffPeers(desired, observed)) {
        state = applyChanges([change], state);
        for (const peer of state.values())
          for (const ip of peer.allowedIps) if (owners.get(ip) === peer.publicKey) reached.add(ip);
        for (const ip of reached) expect(state.get(owners.get(ip) ?? "")?.allowedIps).toContain(ip);
      }
    }),
  );
});

test("removals come first, then peers that give addresses up, then the others", () => {
  const gone = { publicKey: K(7), allowedIps: ["10.0.0.7/32"] };
  const desired = [
    { ...A, allowedIps: ["10.0.0.2/32", "10.0.0.1/32"] },
    { ...B, allowedIps: [] },
    { publicKey: K(3), allowedIps: ["10.0.0.7/32"] },
  ];
  expect(diffPeers(desired, [A, B, gone])).toEqual([
    { kind: "remove", publicKey: K(7) },
    { kind: "set", publicKey: K(2), allowedIps: [] },
    { kind: "set", publicKey: K(1), allowedIps: ["10.0.0.1/32", "10.0.0.2/32"] },
    { kind: "set", publicKey: K(3), allowedIps: ["10.0.0.7/32"] },
  ]);
});

test("endpoint, keepalive and the spelling of a range are no difference", () => {
  const observed = { ...A, allowedIps: ["10.0.0.1/32"], endpoint: "192.0.2.1:1", persistentKeepalive: 1 };
  expect(diffPeers([{ ...A, allowedIps: ["10.0.0.1/32", "10.0.0.1/32"] }], [observed])).toEqual([]);
});

test("two peers that want one key or one address are refused", () => {
  expect(() => diffPeers([A, { ...B, publicKey: A.publicKey }], [])).toThrow(
    `public key ${A.publicKey} is desired twice`,
  );
  expect(() => diffPeers([A, { ...B, allowedIps: A.allowedIps }], [])).toThrow(
    `10.0.0.1/32 is desired by ${K(1)} and ${K(2)}`,
  );
});

test("all updates go through one addconf, and preshared keys are never arguments", () => {
  const desired = Array.from({ length: 300 }, (_, i) => ({
    publicKey: Buffer.alloc(32, `peer ${i}`).toString("base64"),
    allowedIps: [`10.1.${i >> 8}.${i & 255}/32`],
    presharedKey: K(200),
  }));
  const commands = wgCommands("wg0", diffPeers(desired, []));
  expect(commands).toHaveLength(1);
  expect(commands[0]?.args).toEqual(["addconf", "wg0", "/dev/stdin"]);
  expect(commands[0]?.stdin?.match(/^\[Peer\]$/gm)).toHaveLength(300);
  expect(commands[0]?.stdin).toContain(`PresharedKey = ${K(200)}`);
});

test("a preshared key that goes away is set to zero, one that stays is not mentioned", () => {
  const had = { ...A, presharedKey: K(9) };
  expect(wgCommands("wg0", diffPeers([A], [had]))[0]?.stdin).toBe(
    `[Peer]\nPublicKey = ${K(1)}\nPresharedKey = ${ZERO_KEY}\nAllowedIPs = 10.0.0.1/32\n`,
  );
  expect(wgCommands("wg0", diffPeers([{ ...had, allowedIps: ["10.0.0.3/32"] }], [had]))[0]?.stdin).toBe(
    `[Peer]\nPublicKey = ${K(1)}\nAllowedIPs = 10.0.0.3/32\n`,
  );
});

test("removals are split so that no argument list grows too long", () => {
  const observed = Array.from({ length: 2500 }, (_, i) => ({
    publicKey: Buffer.alloc(32, `p${i}`).toString("base64"),
    allowedIps: [],
  }));
  const commands = wgCommands("wg0", diffPeers([], observed));
  expect(commands.map((command) => (command.args.length - 2) / 3)).toEqual([1000, 1000, 500]);
  expect(commands[0]?.args.slice(0, 5)).toEqual(["set", "wg0", "peer", observed[0]?.publicKey, "remove"]);
});

test("an address passes from a peer that goes to another one within one call, unless a preshared key must be told", () => {
  const ip = ["10.0.0.9/32"];
  const pending = { publicKey: B.publicKey, allowedIps: [] };
  const former = { publicKey: A.publicKey, allowedIps: ip };
  const changes = diffPeers([{ ...pending, allowedIps: ip }], [former, pending]);
  expect(wgCommands("wg0", changes)).toEqual([
    {
      args: ["set", "wg0", "peer", A.publicKey, "remove", "peer", B.publicKey, "allowed-ips", "10.0.0.9/32"],
    },
  ]);
  const secret = diffPeers([{ ...pending, presharedKey: "psk", allowedIps: ip }], [former, pending]);
  expect(wgCommands("wg0", secret).map(({ args }) => args[0])).toEqual(["set", "addconf"]);
  expect(JSON.stringify(wgCommands("wg0", secret).map(({ args }) => args))).not.toContain("psk");
});
