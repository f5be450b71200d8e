import type { ServerStatus } from "../../lab/status";
import { OVERLAY } from "../../wireguard/overlay";
import { Cluster } from "./cluster";
import { count, dropped, place, readAll, settled } from "./routed-support";
import { eventually } from "./support";

const CLIENTS = ["alice", "bob", "carol"];
/** Clients' routes follow from `clientToClient`, and no backend may open connections to them. */
const BETWEEN = { "wgc:addressing": "routed", "wgc:clientToClient": "true" };
const cluster = new Cluster(
  "between",
  Object.fromEntries(CLIENTS.map((name) => [name, "strict" as const])),
  BETWEEN,
);

/** Three servers with one client each. */
interface Scene {
  readonly servers: {
    readonly alice: ServerStatus;
    readonly bob: ServerStatus;
    readonly carol: ServerStatus;
  };
  readonly address: { readonly alice: string; readonly bob: string; readonly carol: string };
  readonly backend: string;
}

async function scene(): Promise<Scene> {
  const { lab } = cluster;
  const { servers, backends } = await settled(lab, CLIENTS);
  const [first, second, third] = servers;
  const [backend] = backends;
  if (!first || !second || !third || !backend) throw new Error("the lab has no three servers or no backend");
  const places = { alice: first.name, bob: second.name, carol: third.name };
  const { alice = "", bob = "", carol = "" } = await place(lab, places);
  return {
    servers: { alice: first, bob: second, carol: third },
    address: { alice, bob, carol },
    backend: backend.address,
  };
}

const ping = async (from: string, to: string, ...more: string[]): Promise<boolean> =>
  (await cluster.lab.exec(from, "ping", "-c", "3", "-i", "0.2", "-W", "2", ...more, to)).code === 0;

const TALK = `
const { connect, createServer } = require("node:net");
const { existsSync, writeFileSync } = require("node:fs");
const [own, other] = process.argv.slice(1);
createServer((socket) => socket.on("error", () => socket.destroy()).pipe(socket)).listen(7070, own);
let echoes = 0;
const open = () => {
  const socket = connect({ host: other, port: 7070, localAddress: own });
  let why;
  socket.setNoDelay(true);
  socket.on("data", (data) => writeFileSync("/run/echoes", String((echoes += data.length))));
  socket.on("error", (error) => { why = error.code; });
  socket.on("close", () => (echoes === 0 ? setTimeout(open, 100) : writeFileSync("/run/lost", "lost: " + why)));
  const timer = setInterval(() => socket.connecting || socket.write("x"), 50);
  socket.on("close", () => clearInterval(timer));
};
open();
setInterval(() => existsSync("/run/stop") && process.exit(0), 50);
setTimeout(() => process.exit(1), 80_000);`;

/** A TCP connection of each of two clients to the other; `go` while they talk. Returns what became of connections that did not last. */
async function talking(
  clients: readonly string[],
  address: Readonly<Record<string, string>>,
  go: (talkOn: () => Promise<void>) => Promise<void>,
): Promise<string[]> {
  const { lab } = cluster;
  const talk = async (from: string) => {
    const to = clients.find((other) => other !== from) ?? "";
    await lab.sh(from, "rm -f /run/stop /run/lost; echo 0 >/run/echoes");
    await lab.exec(from, "node", "-e", TALK, address[from] ?? "", address[to] ?? "");
  };
  const ends = Promise.all(clients.map(talk));
  const read = (file: string) =>
    Promise.all(clients.map((name) => lab.sh(name, `cat /run/${file} 2>/dev/null || :`)));
  const talkOn = async () => {
    const before = (await read("echoes")).map(Number);
    const isMore = (now: string[]) => now.every((text, index) => Number(text) > (before[index] ?? 0) + 5);
    await eventually(async () => (isMore(await read("echoes")) ? true : undefined), "echoes on both ends");
  };
  try {
    await go(talkOn);
    return (await read("lost")).filter((why) => why !== "");
  } finally {
    for (const name of clients) await lab.sh(name, "touch /run/stop");
    await ends;
  }
}

cluster.test(
  "clients at different servers reach each other, also after they moved, and keep their TCP connections",
  async () => {
    const { lab } = cluster;
    const { servers, address } = await scene();
    const overOverlay = await count(lab, servers.bob.name, {
      hook: "prerouting",
      match: `iifname "${OVERLAY.interface}" ip saddr ${address.alice} ip daddr ${address.bob} icmp type echo-request`,
    });
    expect([await ping("alice", address.bob), await ping("bob", address.alice)]).toEqual([true, true]);
    expect(await overOverlay()).toBe(3);
    const lost = await talking(["alice", "bob"], address, async (talkOn) => {
      await talkOn();
      // To a third server, then both at one.
      await place(lab, { bob: servers.carol.name });
      await talkOn();
      await place(lab, { alice: servers.carol.name });
      await talkOn();
      await place(lab, { bob: servers.alice.name });
      await talkOn();
    });
    expect(lost).toEqual([]);
    expect([await ping("alice", address.bob), await ping("bob", address.alice)]).toEqual([true, true]);
  },
);

cluster.test("that clients reach each other lets nobody else reach them", async () => {
  const { lab } = cluster;
  const { servers, address } = await scene();
  const match = "icmp type echo-request";
  const arrived = await count(lab, "alice", { hook: "prerouting", match: `iifname "wg0" ${match}` });
  const ended = () => dropped(lab, servers.alice.name, "new connection to a client");
  const before = await ended();
  expect(await ping("backend", address.alice)).toBe(false);
  expect([await arrived(), (await ended()) - before]).toEqual([0, 3]);
  expect(await ping("bob", address.alice)).toBe(true);
  expect(await arrived()).toBe(3);
});

/** What became of three pings of alice from an address: at her machine, at her server as WireGuard's and as what was in it, and where they led. */
async function fate(of: Scene, source: string, to: { machine: string; address: string }) {
  const { lab } = cluster;
  const { clients } = await lab.status();
  const alice = clients.find(({ name }) => name === "alice");
  const match = `ip saddr ${source} ip daddr ${to.address} icmp type echo-request`;
  const server = of.servers.alice.name;
  const counters = {
    left: await count(lab, "alice", { hook: "output", match }),
    encrypted: await count(lab, server, {
      ...{ hook: "prerouting", match: `ip saddr ${alice?.address} udp dport 51820 udp length > 500` },
    }),
    decrypted: await count(lab, server, { hook: "prerouting", match: `iifname "wg0" ${match}` }),
    passedOn: await count(lab, server, { hook: "postrouting", match, priority: "raw" }),
    arrived: await count(lab, to.machine, { hook: "prerouting", match }),
  };
  const answered = await ping("alice", to.address, "-I", source, "-s", "500");
  const { encrypted, ...others } = await readAll(counters);
  return { ...others, encrypted: encrypted >= 3, answered };
}

cluster.test("a client that takes another's address for its own gets nothing out of its server", async () => {
  const { lab } = cluster;
  const of = await scene();
  const { address, backend } = of;
  // One at alice's own server, one over the overlay; each with the address of somebody else at another server.
  const ways = [
    { to: { machine: "backend", address: backend }, forged: address.bob },
    { to: { machine: "bob", address: address.bob }, forged: address.carol },
  ];
  for (const { to, forged } of ways) {
    expect(await fate(of, address.alice, to)).toEqual({
      ...{ left: 3, encrypted: true, decrypted: 3, passedOn: 3, arrived: 3, answered: true },
    });
    await lab.sh("alice", `ip address add ${forged}/32 dev wg0`);
    try {
      expect(await fate(of, forged, to)).toEqual({
        ...{ left: 3, encrypted: true, decrypted: 0, passedOn: 0, arrived: 0, answered: false },
      });
    } finally {
      await lab.sh("alice", `ip address del ${forged}/32 dev wg0`);
    }
  }
});
