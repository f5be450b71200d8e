import { ownerOf } from "../../bench/failover/owners";
import { INTERNET, serverPublicAddress } from "../../lab/addresses";
import type { LabStatus, ServerStatus } from "../../lab/status";
import { Cluster } from "./cluster";
import {
  count,
  dropped,
  lostConnections,
  openConnections,
  place,
  ROUTED,
  ROUTER,
  readAll,
  settled as settledIn,
} from "./routed-support";
import { eventually } from "./support";

const CLIENTS = ["alice", "bob"];
const cluster = new Cluster(
  "routed",
  Object.fromEntries(CLIENTS.map((name) => [name, "strict" as const])),
  // One host of the internet through the tunnel; the load balancer is out there, too.
  { ...ROUTED, "wgc:clientRoutes": `10.0.0.0/16,${INTERNET.host}/32` },
);

const settled = (): Promise<LabStatus> => settledIn(cluster.lab, CLIENTS);
const countFrom = (machine: string, source: string) =>
  count(cluster.lab, machine, { hook: "prerouting", match: `ip saddr ${source}` });

/** Whether the mesh datagrams that one server sends to another arrive there: while it sends twenty, any of them. */
async function hears(to: ServerStatus, from: ServerStatus): Promise<boolean> {
  const { lab } = cluster;
  const [sent, received] = [
    await count(lab, from.name, { hook: "output", match: `ip daddr ${to.address} udp dport 51830` }),
    await count(lab, to.name, { hook: "prerouting", match: `ip saddr ${from.address} udp dport 51830` }),
  ];
  await eventually(async () => ((await sent()) >= 20 ? true : undefined), `${from.name} to send`);
  return (await received()) > 0;
}

/** A shell's line that starts a program of Node.js behind itself, with its output and its number in files. */
const start = (name: string, program: string, ...args: readonly string[]): string => {
  const file = `/tmp/routed-${name}`;
  const words = ["node", "-e", program, ...args].map((word) => `'${word}'`).join(" ");
  return `${words} > ${file} 2>&1 & echo $! > ${file}.pid`;
};

const openAll = (): Promise<unknown> => openConnections(cluster.lab, CLIENTS);
const lost = (from: number): Promise<string[]> => lostConnections(cluster.lab, CLIENTS, from);

cluster.test("backends see clients' own addresses, and reach them, in both zones", async () => {
  const { lab } = cluster;
  const { clients } = await settled();
  for (const { name, tunnelAddress } of clients) {
    const address = tunnelAddress.split("/")[0] ?? "";
    expect((await lab.answer(name)).via).toBe(address);
    for (const backend of ["backend", "backend2"])
      expect((await lab.exec(backend, "ping", "-c", "3", "-W", "2", address)).code).toBe(0);
  }
});

/** Listens, and says so; ends with the first connection. */
const SERVE = `
const server = require("node:net").createServer((socket) => socket.on("error", () => server.close()).on("close", () => server.close()));
server.listen(7007, () => process.stdout.write("listening\\n"));`;

/** Connects, and says so; resets the connection when told to. */
const RESET = `
const socket = require("node:net").connect(7007, process.argv[1], () => process.stdout.write("connected\\n"));
process.on("SIGUSR2", () => { socket.resetAndDestroy(); setTimeout(() => process.exit(0), 100); });`;

cluster.test(
  "a client's packets to the internet have a server's address, and no inner one leaves",
  async () => {
    const { lab } = cluster;
    await settled();
    const { alice = "" } = await place(lab, { alice: "s1" });
    const match = `ip saddr ${alice} ip daddr ${INTERNET.host}`;
    const counters = {
      sent: await count(lab, "s1", {
        hook: "prerouting",
        match: `iifname "wg0" ${match} icmp type echo-request`,
      }),
      // As it comes out of the server: before the VPC's checks and the internet gateway, which drop such a one.
      inner: await count(lab, ROUTER, {
        ...{ hook: "prerouting", family: "bridge", priority: "filter - 1" },
        match: `ip saddr 10.100.0.0/16 ip daddr ${INTERNET.host}`,
      }),
      outer: await countFrom("internet", `${serverPublicAddress(0)} icmp type echo-request`),
      leaked: await countFrom("internet", "10.0.0.0/8"),
    };
    expect((await lab.exec("alice", "ping", "-c", "3", "-i", "0.2", "-W", "2", INTERNET.host)).code).toBe(0);
    expect(await readAll(counters)).toEqual({ sent: 3, inner: 0, outer: 3, leaked: 0 });

    // What belongs to no connection is not translated, and must not leave as it is: a reset of one that the server has forgotten.
    const says = (machine: string, name: string, word: string) =>
      eventually(
        async () => ((await lab.sh(machine, `cat /tmp/routed-${name}`)) === word ? true : undefined),
        `${machine} to say "${word}"`,
      );
    await lab.sh("internet", start("serve", SERVE));
    await says("internet", "serve", "listening");
    await lab.sh("alice", start("reset", RESET, INTERNET.host));
    await says("alice", "reset", "connected");
    const stopped = () => dropped(lab, "s1", "client address to the internet");
    const before = await stopped();
    await lab.sh("s1", `conntrack -D -p tcp -s ${alice}`);
    await lab.sh("alice", "kill -USR2 $(cat /tmp/routed-reset.pid)");
    await eventually(async () => ((await stopped()) > before ? true : undefined), "the reset to be dropped");
    expect([await counters.inner(), await counters.leaked()]).toEqual([0, 0]);
    await lab.sh("internet", "kill $(cat /tmp/routed-serve.pid) 2>/dev/null || :");
  },
);

cluster.test("a backend without a public address and the internet do not reach each other", async () => {
  const { lab } = cluster;
  const [inner, backend] = [
    await countFrom("internet", "10.0.0.0/8"),
    await countFrom("backend", INTERNET.cidr),
  ];
  expect((await lab.exec("backend", "ping", "-c", "2", "-W", "1", INTERNET.host)).code).not.toBe(0);
  // Nor from out there, though its router's neighbour is on the same network.
  expect((await lab.exec("internet", "ping", "-c", "2", "-W", "1", "10.0.0.200")).code).not.toBe(0);
  expect((await lab.exec("internet", "ping", "-c", "2", "-W", "1", "10.100.0.2")).code).not.toBe(0);
  expect([await inner(), await backend()]).toEqual([0, 0]);
});

cluster.test(
  "only a server whose check was switched off sends from addresses that are not its own",
  async () => {
    const { lab } = cluster;
    const seen = await countFrom("backend2", "10.200.0.1");
    const send = (machine: string) =>
      lab.exec(
        machine,
        "sh",
        "-c",
        "ip address add 10.200.0.1/32 dev lo; ping -c 2 -W 1 -I 10.200.0.1 10.0.64.200; ip address del 10.200.0.1/32 dev lo",
      );
    await send("backend");
    expect(await seen()).toBe(0);
    await send("s1");
    expect(await seen()).toBe(2);
  },
);

cluster.test(
  "what servers lose of each other is what the fault says, in one subnet and between two",
  async () => {
    const { lab } = cluster;
    const { servers } = await settled();
    const [near, other] = servers.filter(({ zone }) => zone === "us-east-1a");
    const far = servers.find(({ zone }) => zone === "us-east-1b");
    if (!near || !other || !far) throw new Error("the lab has not three servers in two zones");
    expect([await hears(near, other), await hears(far, other)]).toEqual([true, true]);
    await lab.fault("mesh-cut", { server: other.name, other: near.name });
    expect([await hears(near, other), await hears(far, other)]).toEqual([false, true]);
    await lab.fault("pair-heal", { server: near.name, other: other.name });
    expect(await hears(near, other)).toBe(true);
    await lab.fault("blackhole", { server: other.name });
    expect([await hears(near, other), await hears(far, other)]).toEqual([false, false]);
    await lab.fault("heal", { server: other.name });
  },
);

cluster.test("a drain of a client's server costs no TCP connection, whoever opened it", async () => {
  const { lab } = cluster;
  await settled();
  await openAll();
  const { server, clients } = await cluster.busiest();
  const from = await lab.call<number>("now");
  const events = lab.events.length;
  await lab.fault("drain", { server: server.name });
  try {
    await lab.untilEvent(new RegExp(`moves ${clients.length} flows? away from ${server.name}`), events);
    expect(await lost(from)).toEqual([]);
  } finally {
    await lab.fault("undrain", { server: server.name });
  }
});

cluster.test(
  "the next hop dies: another server leads the routes to itself, and every connection lives",
  async () => {
    const { lab } = cluster;
    const before = await settled();
    const owner = ownerOf(before) ?? "";
    await openAll();
    const from = await lab.call<number>("now");
    await lab.fault("crash", { server: owner });
    await lab.until((status) => ![undefined, owner].includes(ownerOf(status)), "another next hop");
    expect(await lost(from)).toEqual([]);
  },
);

cluster.test(
  "routes change through the API alone: while it fails they stay, afterwards they follow",
  async () => {
    const { lab } = cluster;
    const owner = ownerOf(await settled()) ?? "";
    await lab.fault("api-error");
    try {
      const events = lab.events.length;
      await lab.fault("blackhole", { server: owner });
      await lab.untilEvent(new RegExp(`^${owner} is unhealthy`), events);
      await eventually(async () => {
        const texts = await Promise.all(
          (await cluster.serverNames())
            .filter((name) => name !== owner)
            .map((name) => lab.sh(name, "curl -s http://127.0.0.1:8080/healthz")),
        );
        return texts.some((text) => /InternalError/.test(text)) ? true : undefined;
      }, "a server to say that the API fails");
      expect(ownerOf(await lab.status())).toBe(owner);
    } finally {
      await lab.fault("api-heal");
    }
    await lab.until((status) => ![undefined, owner].includes(ownerOf(status)), "another next hop", 60_000);
  },
);
