import { randomBytes } from "node:crypto";
import { seal } from "../../agent/mesh/message";
import { serverPublicAddress } from "../../lab/addresses";
import type { ServerStatus } from "../../lab/status";
import type { TrafficWindow } from "../../lab/traffic";
import { MESH_MEMBERS, OVERLAY } from "../../wireguard/overlay";
import { Cluster, REGISTRY } from "./cluster";
import {
  type Claim,
  capture,
  claim,
  forgeries,
  inTurn,
  MARK,
  overlayDatagram,
  send,
  type Way,
} from "./forgery";
import { count, dropped, passedOn, place, ROUTED, ROUTER, readAll, settled } from "./routed-support";
import { eventually, isHealthy } from "./support";

const CLIENTS = ["alice", "bob"];
const MESH_PORT = 51830;
const cluster = new Cluster(
  "foreign",
  Object.fromEntries(CLIENTS.map((name) => [name, "strict" as const])),
  ROUTED,
);

/** Three servers and two clients: alice at `target`, bob at the server that the test says. */
interface Scene {
  readonly target: ServerStatus;
  readonly member: ServerStatus;
  readonly third: ServerStatus;
  readonly alice: string;
  readonly bob: string;
  readonly backend: string;
  /** Public keys. */
  readonly keys: { readonly alice: string; readonly bob: string };
  /** The servers' own. */
  readonly meshKey: Buffer;
}

async function scene(bobAt: "target" | "member"): Promise<Scene> {
  const { lab } = cluster;
  const { servers, backends } = await settled(lab, CLIENTS);
  const [target, member, third] = servers;
  const [backend] = backends;
  if (!target || !member || !third || !backend) throw new Error("the lab has no three servers or no backend");
  const at = { target, member };
  const { alice = "", bob = "" } = await place(lab, { alice: target.name, bob: at[bobAt].name });
  const keys = { alice: await cluster.keyOf("alice"), bob: await cluster.keyOf("bob") };
  const meshKey = Buffer.from(await lab.router(`cat ${REGISTRY}/runtime/mesh/key`), "base64");
  return { target, member, third, alice, bob, backend: backend.address, keys, meshKey };
}

async function metric(server: string, name: string): Promise<number> {
  const text = await cluster.lab.sh(server, "curl -s http://127.0.0.1:8080/metrics");
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, "m").exec(text)?.[1]);
}

const refused = ({ name }: ServerStatus) => metric(name, "wgc_mesh_refused_total");

/** Datagrams that came to a server's mesh port while its buffer was full. */
async function overflown(server: ServerStatus): Promise<number> {
  const port = MESH_PORT.toString(16).toUpperCase();
  const sockets = await cluster.lab.sh(server.name, "cat /proc/net/udp");
  return Number(new RegExp(`^ *\\d+: [0-9A-F]{8}:${port} .* (\\d+) *$`, "m").exec(sockets)?.[1]);
}

/** What every server makes of the others: where clients are, how often that changed, and who is a server. */
async function beliefs(): Promise<unknown> {
  const { lab } = cluster;
  const all = (await cluster.serverNames()).map(async (name) => ({
    name,
    routes: [...(await passedOn(lab, name))].sort(),
    changes: await metric(name, "wgc_overlay_changes_total"),
    members: (await lab.sh(name, `nft list set inet wgc ${MESH_MEMBERS}`)).match(/10\.[\d.]+/g)?.sort(),
  }));
  return Promise.all(all);
}

/** Does something while clients talk; fails when a server turned unhealthy or a client got no answer meanwhile, or servers believe anything else than before. */
async function unimpressed(act: () => Promise<void>): Promise<void> {
  const { lab } = cluster;
  const [before, from, events] = [await beliefs(), await lab.call<number>("now"), lab.events.length];
  await act();
  const to = await lab.call<number>("now");
  for (const name of CLIENTS) {
    const { answers } = await lab.call<TrafficWindow>("traffic", { name, from, to });
    expect(answers).not.toEqual([]);
    await lab.answer(name);
  }
  expect(await beliefs()).toEqual(before);
  expect((await lab.status()).servers.filter((server) => !isHealthy(server))).toEqual([]);
  expect(lab.events.slice(events).filter(({ text }) => /unhealthy|moves/.test(text))).toEqual([]);
}

/** Where a packet that was in a datagram of the overlay comes out, on its way to a client and at the ends. */
async function watchInside({ target }: Scene) {
  const { lab } = cluster;
  const match = `udp dport ${MARK}`;
  const at = (where: string, hook: "prerouting" | "postrouting", more = "") =>
    count(lab, where, { hook, match: `${more}${match}` });
  return {
    unpacked: await at(target.name, "prerouting", `iifname "${OVERLAY.interface}" `),
    towardsClients: await at(target.name, "postrouting", 'oifname "wg0" '),
    alice: await at("alice", "prerouting", 'iifname "wg0" '),
    bob: await at("bob", "prerouting", 'iifname "wg0" '),
    backend: await at("backend", "prerouting"),
  };
}
const NOTHING = { unpacked: 0, towardsClients: 0, alice: 0, bob: 0, backend: 0 };

/** From another client to a backend and to a client, and from a backend to a client: all but the last are refused from servers too. */
const overlayForgeries = ({ alice, bob, backend }: Scene): (() => Buffer)[] => [
  () => overlayDatagram(bob, backend),
  () => overlayDatagram(bob, alice),
  () => overlayDatagram(backend, alice),
];

/** Both clients elsewhere than they are; by a server that there is, and by one that there is not. */
function lies({ third, keys }: Scene): Claim[] {
  const clients = Object.values(keys);
  return [
    { instance: third.instance, clients },
    { instance: "i-00000000000000bad", clients },
  ];
}

/** The same lies with the right key: who sends them is all that is wrong with them. */
const sealedLies = (of: Scene): (() => Buffer)[] => lies(of).map((one) => () => seal(claim(one), of.meshKey));

const captureFrom = ({ third, target, meshKey }: Scene): Promise<Buffer[]> =>
  capture(cluster.lab, {
    ...{ from: target.address, at: third.name, key: meshKey },
    cause: () => cluster.lab.rekey("alice"),
  });

/** That what was sent would have had an effect if a server had been allowed to send it. */
async function control(of: Scene, way: (port: number) => Way): Promise<void> {
  const { lab } = cluster;
  const { target, member, third, bob, keys, meshKey } = of;
  const inside = await watchInside(of);
  await send(lab, member.name, inTurn(30, overlayForgeries(of)), way(OVERLAY.port));
  await eventually(async () => ((await inside.alice()) === 10 ? true : undefined), "a backend's packets");
  expect(await readAll(inside)).toEqual({ ...NOTHING, unpacked: 30, towardsClients: 10, alice: 10 });
  const lie = claim({ instance: third.instance, clients: [keys.bob] });
  await send(lab, third.name, [seal(lie, meshKey)], way(MESH_PORT));
  const led = async (to: string) =>
    (await passedOn(lab, target.name)).get(`${bob}/32`) === to ? true : undefined;
  await eventually(() => led(third.address), "the claim to be believed");
  await lab.rekey("bob");
  await eventually(() => led(member.address), "bob to be back at his server");
}

cluster.test("10,000 forged datagrams of a foreign machine end at a server's firewall", async () => {
  const { lab } = cluster;
  const of = await scene("member");
  const { target } = of;
  const captured = await captureFrom(of);
  const replay = () => captured[randomBytes(1).readUInt8() % captured.length] ?? Buffer.alloc(0);
  const way = (port: number): Way => ({ to: target.address, port });
  const arrived = (port: number) =>
    count(lab, target.name, { hook: "prerouting", match: `ip saddr ${of.backend} udp dport ${port}` });
  const [overlay, mesh] = [await arrived(OVERLAY.port), await arrived(MESH_PORT)];
  const inside = await watchInside(of);
  const ended = () => dropped(lab, target.name, "no member of the mesh");
  const before = { ended: await ended(), refused: await refused(target) };
  await unimpressed(async () => {
    const told = [...forgeries(lies(of)), ...sealedLies(of), replay];
    await send(lab, "backend", inTurn(5000, overlayForgeries(of)), way(OVERLAY.port));
    await send(lab, "backend", inTurn(5000, told), way(MESH_PORT));
  });
  expect([await overlay(), await mesh()]).toEqual([5000, 5000]);
  expect((await ended()) - before.ended).toBe(10_000);
  expect(await refused(target)).toBe(before.refused);
  expect(await readAll(inside)).toEqual(NOTHING);
  await control(of, way);
});

cluster.test(
  "who takes a server's address for his own does not get past the VPC's source check",
  async () => {
    const { lab } = cluster;
    const of = await scene("member");
    const { target, member } = of;
    const match = `ip saddr ${member.address} ip daddr ${target.address} udp sport ${MARK}`;
    const inVpc = (priority: string) =>
      count(lab, ROUTER, { hook: "prerouting", match, family: "bridge", priority });
    const counters = {
      sent: await inVpc("filter - 1"),
      passed: await inVpc("filter + 1"),
      arrived: await count(lab, target.name, { hook: "prerouting", match }),
    };
    const way = (port: number): Way => ({
      ...{ to: target.address, port, from: member.address, sourcePort: MARK },
    });
    await lab.sh("backend", `ip address add ${member.address}/32 dev lo`);
    try {
      await unimpressed(async () => {
        await send(lab, "backend", inTurn(250, overlayForgeries(of)), way(OVERLAY.port));
        await send(lab, "backend", inTurn(250, sealedLies(of)), way(MESH_PORT));
      });
    } finally {
      await lab.sh("backend", `ip address del ${member.address}/32 dev lo`);
    }
    expect(await readAll(counters)).toEqual({ sent: 500, passed: 0, arrived: 0 });
    // The same from the one whose address it is.
    await send(lab, member.name, inTurn(10, overlayForgeries(of)), way(OVERLAY.port));
    await eventually(async () => ((await counters.arrived()) === 10 ? true : undefined), "the server's own");
    expect(await readAll(counters)).toEqual({ sent: 510, passed: 10, arrived: 10 });
  },
);

/** Sends such datagrams to a server's mesh port until its agent has counted 5,000, however many come while its buffer is full. */
async function until5000(
  to: ServerStatus,
  from: ServerStatus,
  make: readonly (() => Buffer)[],
  counted: () => Promise<number>,
): Promise<void> {
  const read = async () => ({ counted: await counted(), overflown: await overflown(to) });
  const before = await read();
  for (let sent = 1000; sent <= 30_000; sent += 1000) {
    await send(cluster.lab, from.name, inTurn(1000, make), { to: to.address, port: MESH_PORT });
    const now = await eventually(async () => {
      const { counted, overflown } = await read();
      return counted - before.counted + overflown - before.overflown >= sent ? counted : undefined;
    }, "all to be counted");
    if (now >= before.counted + 5000) return;
  }
  throw new Error(`${to.name} has not taken 5,000 of 30,000 datagrams`);
}

cluster.test(
  "what comes from a server's own machine without the mesh key is refused by its code",
  async () => {
    const { lab } = cluster;
    const of = await scene("member");
    const { target, third } = of;
    const ended = () => dropped(lab, target.name, "no member of the mesh");
    const before = await ended();
    await unimpressed(() => until5000(target, third, forgeries(lies(of)), () => refused(target)));
    expect(await ended()).toBe(before);
  },
);

cluster.test("genuine datagrams that a server sends once more lead nobody astray", async () => {
  const { lab } = cluster;
  const of = await scene("target");
  const { target, member, third } = of;
  const captured = await captureFrom(of);
  await place(lab, { alice: member.name, bob: target.name });
  const replays = captured.map((one) => () => one);
  await unimpressed(async () => {
    // For longer than servers take from one look at each other to the next.
    await until5000(third, member, replays, () => metric(third.name, "wgc_mesh_received_total"));
    // When what has no valid code is refused, all before it has been taken in.
    const before = await refused(third);
    await send(lab, member.name, [randomBytes(50)], { to: third.address, port: MESH_PORT });
    const isRefused = async () => ((await refused(third)) > before ? true : undefined);
    await eventually(isRefused, "the last one to be refused");
  });
});

cluster.test("from the internet nothing reaches a server's overlay or mesh port", async () => {
  const { lab } = cluster;
  const of = await scene("member");
  const { zones, servers } = await lab.status();
  const publicIps = zones.map(({ publicIp }) => publicIp);
  const reach = [of.target.address, ...servers.map((_, index) => serverPublicAddress(index)), ...publicIps];
  const match = `udp sport ${MARK}`;
  const sent = await count(lab, ROUTER, {
    ...{ hook: "prerouting", match: `iifname "internet" ${match}`, priority: "raw - 20" },
  });
  const arrived = await Promise.all(
    servers.map(({ name }) => count(lab, name, { hook: "prerouting", match })),
  );
  const sum = async () =>
    (await Promise.all(arrived.map((read) => read()))).reduce((all, one) => all + one, 0);
  const all = (port: number, make: (() => Buffer)[], to: readonly string[]) =>
    to.map((address) => send(lab, "internet", inTurn(20, make), { to: address, port, sourcePort: MARK }));
  await unimpressed(async () => {
    for (const address of reach) {
      await Promise.all(all(OVERLAY.port, overlayForgeries(of), [address]));
      await Promise.all(all(MESH_PORT, sealedLies(of), [address]));
    }
  });
  expect([await sent(), await sum()]).toEqual([reach.length * 40, 0]);
  // The one port that is open.
  for (const address of publicIps) await Promise.all(all(51_820, sealedLies(of), [address]));
  await eventually(async () => ((await sum()) === 20 * publicIps.length ? true : undefined), "the listener");
});

cluster.test("clients do not reach each other unless that is on", async () => {
  const { lab } = cluster;
  const { target, member, alice, bob, backend } = await scene("member");
  const match = `ip saddr ${alice} ip daddr ${bob} icmp type echo-request`;
  const counters = {
    left: await count(lab, target.name, { hook: "prerouting", match: `iifname "wg0" ${match}` }),
    passed: await count(lab, member.name, { hook: "prerouting", match }),
    arrived: await count(lab, "bob", { hook: "prerouting", match }),
  };
  // A client may put what it likes into its own configuration.
  await lab.sh(
    "alice",
    "wg set wg0 peer $(wg show wg0 peers) allowed-ips 10.0.0.0/16,10.100.0.0/16 && ip route replace 10.100.0.0/16 dev wg0",
  );
  expect((await lab.exec("alice", "ping", "-c", "3", "-i", "0.2", "-W", "1", bob)).code).toBe(1);
  expect(await readAll(counters)).toEqual({ left: 3, passed: 0, arrived: 0 });
  expect((await lab.exec("alice", "ping", "-c", "3", "-i", "0.2", "-W", "2", backend)).code).toBe(0);
});
