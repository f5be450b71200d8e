import type { NatKind } from "../../lab/nat";
import type { Roamed } from "../../lab/roam";
import { Cluster } from "./cluster";
import { eventually, hangProblem, isHealthy } from "./support";

/** Clients behind every kind of router, servers that drain and are replaced. */
const CLIENTS: Record<string, NatKind> = { alice: "strict", bob: "full-cone", carol: "public" };
const NAMES = Object.keys(CLIENTS);
const cluster = new Cluster("moves", CLIENTS);

interface Report {
  healthy: boolean;
  instance: string;
  drain: { reason: string; over: boolean } | null;
}

async function reportOf(server: string): Promise<Report> {
  return JSON.parse(await cluster.lab.sh(server, "curl -s http://127.0.0.1:8080/healthz"));
}

const addressOf = async (server: string): Promise<string> =>
  (await cluster.lab.status()).servers.find(({ name }) => name === server)?.address ?? "";

/** How many sessions a server has taken over since its agent began. */
async function takeovers(server: string): Promise<number> {
  const metrics = await cluster.lab.sh(server, "curl -s http://127.0.0.1:8080/metrics");
  return Number(/^wgc_takeovers_total\{[^}]*\} (\d+)$/m.exec(metrics)?.[1]);
}

/** Counts packets of servers that reach a client from another address than the load balancer's. */
async function countPastBalancer(client: string): Promise<void> {
  const { zones } = await cluster.lab.status();
  const balancer = zones.map(({ publicIp }) => publicIp).join(", ");
  const rule = `udp sport 51820 ip saddr != { ${balancer} } counter`;
  await cluster.lab.sh(
    client,
    `nft 'table inet past { chain input { type filter hook input priority 10; ${rule}; }; }'`,
  );
}

async function pastBalancer(client: string): Promise<number> {
  const script =
    "nft list table inet past | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'; nft delete table inet past";
  return Number(await cluster.lab.sh(client, script));
}

/** Packets for a client that are on their way when the load balancer moves its flow, as in a download. */
async function download(server: string, tunnelAddress: string): Promise<void> {
  const ping = `timeout 120 ping -q -i 0.002 ${tunnelAddress.split("/")[0]}`;
  await cluster.lab.sh(server, `${ping} >/dev/null 2>&1 & echo $! >/run/ping`);
}

const endpointOf = (client: string): Promise<string> =>
  cluster.lab.sh(client, "wg show wg0 endpoints | cut -f 2 | cut -d : -f 1");

cluster.test("agents know who they are from the metadata service, which wants a token", async () => {
  const { servers } = await cluster.lab.status();
  for (const { name, instance, zone } of servers) {
    expect((await reportOf(name)).instance).toBe(instance);
    const url = "http://169.254.169.254/latest";
    const token = `$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' ${url}/api/token)`;
    const ask = (path: string) =>
      cluster.lab.sh(
        name,
        `curl -s -w ' %{http_code}' -H "X-aws-ec2-metadata-token: ${token}" ${url}/meta-data/${path}`,
      );
    expect(await ask("placement/availability-zone")).toBe(`${zone} 200`);
    expect(await ask("autoscaling/target-lifecycle-state")).toBe("InService 200");
    expect(await ask("spot/instance-action")).toMatch(/ 404$/);
    expect(await cluster.lab.sh(name, `curl -s -w '%{http_code}' ${url}/meta-data/instance-id`)).toMatch(
      /401$/,
    );
  }
  // Nobody but servers reaches it.
  const outside = ["curl", "-s", "--max-time", "2", "http://169.254.169.254/"];
  expect((await cluster.lab.exec("internet", ...outside)).code).not.toBe(0);
});

cluster.test("who is not asked reaches a client only where its router lets anybody in", async () => {
  // Counts what passed the router's filter, which has a lower number and hence comes first.
  const COUNTER = `table inet count {
    chain input {
      type filter hook input priority 10
      udp sport 4040 counter
    }
  }`;
  const send = (port: number | undefined, address: string | undefined): string =>
    `const socket = require("node:dgram").createSocket("udp4");
    socket.bind(4040, () => socket.send("x", ${port}, "${address}", () => socket.close()));`;
  const { clients } = await cluster.lab.status();
  const reached: Record<string, string> = {};
  for (const name of NAMES) {
    const { address, externalPort } = clients.find((client) => client.name === name) ?? {};
    await cluster.lab.sh(name, `nft '${COUNTER}'`);
    await cluster.lab.exec("internet", "node", "-e", send(externalPort, address));
    reached[name] = await cluster.lab.sh(
      name,
      "nft list table inet count | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'; nft delete table inet count",
    );
  }
  expect(reached).toEqual({ alice: "0", bob: "1", carol: "1" });
});

for (const name of ["alice", "bob"]) {
  cluster.test(
    `${name}'s router forgets its mapping: the flow goes to another server, which takes the session over`,
    async () => {
      const { lab } = cluster;
      await lab.settle(NAMES);
      const port = await lab.sh(name, "wg show wg0 listen-port");
      const via = (await lab.answer(name)).via;
      const { servers } = await lab.status();
      const taken = new Map<string, number>();
      for (const server of servers) taken.set(server.name, await takeovers(server.name));
      const asked = await lab.call<number>("now");
      const roamed = await lab.call<Roamed>("roam", { name });
      expect(await addressOf(roamed.from)).toBe(via);
      expect(roamed.to).not.toBe(roamed.from);
      expect(roamed.tries).toBe(1); // the hash is known, so the client moves once and not until it fits
      expect(roamed.rebound).toBeGreaterThan(asked);
      expect(roamed.at).toBeGreaterThan(roamed.rebound - 50);
      expect(await lab.call<number>("now")).toBeGreaterThan(roamed.at);
      expect(await lab.sh(name, "wg show wg0 listen-port")).toBe(port);
      await eventually(
        async () => (await takeovers(roamed.to)) > (taken.get(roamed.to) ?? 0) || undefined,
        "the takeover",
      );
      expect((await lab.answer(name)).via).toBe(await addressOf(roamed.to));
    },
  );
}

cluster.test("a client without a router cannot be roamed", async () => {
  await expect(cluster.lab.call("roam", { name: "carol" })).rejects.toThrow(
    /^carol has a public address and no router/,
  );
});

cluster.test(
  "a black hole cuts the file system off too, moves its clients at a known time, and heals without a reboot",
  async () => {
    const { lab } = cluster;
    await lab.settle(NAMES);
    const { server, clients, others } = await cluster.busiest();
    const init = await lab.sh(server.name, "cut -d' ' -f22 /proc/1/stat"); // when the machine was started
    const since = await lab.call<number>("now");
    await Promise.all(NAMES.map(countPastBalancer));
    await lab.fault("blackhole", { server: server.name });
    const list = () => lab.exec(server.name, "timeout", "1", "ls", "/mnt/wgc/registry/cluster.json");
    if (hangProblem() === undefined) expect((await list()).code).not.toBe(0);
    // The metadata service is the host's own: a server that is cut off still has it.
    const token = "curl -sf -m 2 -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'";
    await lab.sh(server.name, `${token} http://169.254.169.254/latest/api/token`);
    for (const name of clients) {
      const moved = await lab.call<{ at: number; from: string } | null>("reroute", {
        name,
        since,
        limit: 30_000,
      });
      expect(moved?.from).toBe(server.address);
      expect(moved?.at).toBeGreaterThan(since);
    }
    for (const name of others) expect(await lab.call("reroute", { name, since })).toBeNull();
    await lab.fault("heal", { server: server.name });
    expect((await list()).code).toBe(0);
    expect(await lab.sh(server.name, "cut -d' ' -f22 /proc/1/stat")).toBe(init);
    await lab.until(({ servers }) => servers.every(isHealthy), "the server to be back");
    // It still had the sessions: a word to a client that others can reach would have come from its own address, and led the client there.
    for (const name of NAMES) expect([name, await pastBalancer(name)]).toEqual([name, 0]);
    await lab.settle(NAMES);
  },
);

cluster.test(
  "an operator drains a server: unhealthy but serving, also after the agent died, until it is taken back",
  async () => {
    const { lab } = cluster;
    await lab.settle(NAMES);
    const { server } = await cluster.busiest();
    const keys = await cluster.peers(server.name);
    const from = lab.events.length;
    await lab.fault("drain", { server: server.name });
    expect((await reportOf(server.name)).drain?.reason).toBe("an operator asked for it");
    const seen = await lab.untilEvent(new RegExp(`^${server.name} is unhealthy`), from);
    expect(seen.text).toBe(`${server.name} is unhealthy (HTTP 503)`);
    await eventually(async () => (await reportOf(server.name)).drain?.over || undefined, "the drain's end");
    expect(await lab.sh(server.name, "systemctl is-active wgc-agent.service")).toBe("active");
    expect(await cluster.peers(server.name)).toEqual(keys);
    await lab.sh(server.name, "systemctl kill --kill-whom=main --signal=KILL wgc-agent.service");
    const again = await eventually(
      () => reportOf(server.name).catch(() => undefined),
      "the next agent to answer",
    );
    expect([again.healthy, again.drain?.reason]).toEqual([false, "an operator asked for it"]);
    await lab.fault("undrain", { server: server.name });
    await lab.until(({ servers }) => servers.every(isHealthy), "the server to be back");
  },
);

cluster.test("a client that downloads while its server drains outlives that server", async () => {
  const { lab } = cluster;
  const { clients } = await lab.settle(NAMES);
  const { server: first = "", tunnelAddress = "", via } = clients.find(({ name }) => name === "bob") ?? {};
  await download(first, tunnelAddress);
  await lab.fault("drain", { server: first });
  // Nearly always he follows the server to its own address now; the next holder's keepalives may also have fetched him back.
  await eventually(async () => (await reportOf(first)).drain?.over || undefined, "the drain's end");
  await lab.sh(first, "kill $(cat /run/ping)");
  const former = await addressOf(first);
  await lab.fault("crash", { server: first });
  expect((await lab.answer("bob")).via).not.toBe(former);
  await lab.fault("start", { server: first });
  await lab.fault("undrain", { server: first });
  // What the runbook has him do: his configuration's endpoint again.
  await lab.sh("bob", `wg set wg0 peer $(wg show wg0 peers) endpoint ${via}:51820`);
  await lab.settle(NAMES);
  expect(await endpointOf("bob")).toBe(via);
});

cluster.test("a spot notice drains the server, and the agent stays", async () => {
  const { lab } = cluster;
  const from = lab.events.length;
  await lab.fault("spot", { server: "s2" });
  await lab.untilEvent(/^s2 is unhealthy \(HTTP 503\)/, from);
  expect((await reportOf("s2")).drain?.reason).toMatch(/^spot interruption \(terminate\) at 20\d\d-/);
  // An operator's word does not take back what EC2 said.
  await expect(lab.fault("undrain", { server: "s2" })).rejects.toThrow(
    /^s2: it is noted, but the server drains for another reason: spot/,
  );
});

cluster.test(
  "a rolling replacement launches before it ends a server, and moves flows before it deregisters",
  async () => {
    const { lab } = cluster;
    const from = lab.events.length;
    const before = await cluster.serverNames();
    await lab.fault("replace");
    const after = await cluster.serverNames();
    expect(after).toEqual(["s4", "s5", "s6"]);
    const story = lab.events.slice(from).map(({ text }) => text);
    for (const [index, old] of before.entries()) {
      const successor = after[index] ?? "";
      const steps = [
        `${successor} is to take the place of ${old}`,
        `${successor} is healthy (HTTP 200)`,
        `${old} drains`,
        ...(old === "s2" ? [] : [`${old} is unhealthy (HTTP 503)`]), // s2 is so already
        `${old} is told that it ends, and deregistered; its flows end in 4 s`,
        `${old} says that it may end`,
        `${old} is gone`,
      ];
      const places = steps.map((step) => story.indexOf(step));
      expect(places).not.toContain(-1);
      expect(places).toEqual([...places].sort((a, b) => a - b));
    }
    for (const name of after) {
      const metrics = await lab.sh(name, "curl -s http://127.0.0.1:8080/metrics");
      const numberOf = (metric: string) =>
        new RegExp(`^${metric}\\{[^}]*\\} (\\d+)$`, "m").exec(metrics)?.[1];
      expect(
        ["owed", "completed_total", "failures_total"].map((one) => numberOf(`wgc_lifecycle_${one}`)),
      ).toEqual(["0", "1", "0"]);
    }
    const { servers } = await lab.status();
    for (const name of NAMES)
      expect(servers.map(({ address }) => address)).toContain((await lab.answer(name)).via);
    // Nobody waited for the own timers: each client came to the servers that are left by a takeover.
    const taken = await Promise.all(after.map(takeovers));
    expect(taken.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(NAMES.length);
  },
);

cluster.test(
  "a client that downloads from a server which the group takes away goes on at another one",
  async () => {
    const { lab } = cluster;
    const { clients, servers } = await lab.settle(NAMES);
    const last = servers.at(-1)?.name ?? "";
    const { server, tunnelAddress = "" } = clients.find(({ name }) => name === "bob") ?? {};
    if (server !== last) await lab.call("roam", { name: "bob", to: last });
    await lab.settle(NAMES);
    await download(last, tunnelAddress);
    await lab.fault("scale", { capacity: servers.length - 1 });
    expect(await cluster.serverNames()).not.toContain(last);
    await lab.answer("bob");
  },
);
