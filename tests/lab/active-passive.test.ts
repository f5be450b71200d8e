import type { ServerStatus } from "../../lab/status";
import { Cluster } from "./cluster";
import { lostConnections, openConnections } from "./routed-support";
import { eventually, isHealthy } from "./support";

/** Three servers of which one serves; packets from the VPC to clients go to it as well. */
const CLIENTS = { alice: "strict", bob: "full-cone", carol: "strict" } as const;
const NAMES = Object.keys(CLIENTS);
/** What a backend sends to a client behind a full-cone router while it moves may lead it past the load balancer (decision 25). */
const CONNECTED = ["alice", "carol"];
const cluster = new Cluster("active-passive", CLIENTS, {
  "wgc:topology": "active-passive",
  "wgc:addressing": "routed",
  "wgc:backendPrefixes": "10.0.0.0/16",
});

/** What a server answers the load balancer's checks with. */
async function health(server: string): Promise<{ status: string; reasons: string[] }> {
  return JSON.parse(await cluster.lab.sh(server, "curl -s --max-time 5 http://127.0.0.1:8080/healthz || :"));
}

/** Resolves with the one server in service, when all clients and all routes are with it. */
function settled(not?: string): Promise<ServerStatus> {
  return eventually(async () => {
    const { servers, routes } = await cluster.lab.status();
    const [active, ...more] = servers.filter(isHealthy);
    if (active === undefined || more.length > 0 || active.name === not) return undefined;
    const flows = await cluster.lab.flows(NAMES);
    const all = Object.values(flows).every((address) => address === active.address);
    return all && routes.every(({ server }) => server === active.name) ? active : undefined;
  }, "one server to have all clients and all routes");
}

const others = async (active: string): Promise<string[]> =>
  (await cluster.serverNames()).filter((name) => name !== active);

/** Resolves when the backend reaches the client, and the client the backend. */
const bothWays = async (client: string): Promise<void> => {
  const { clients } = await cluster.lab.status();
  const address = clients.find(({ name }) => name === client)?.tunnelAddress.split("/")[0] ?? "";
  await eventually(
    async () =>
      (await cluster.lab.sh("backend", `ping -c 1 -W 1 ${address} > /dev/null && echo there || :`)) ===
      "there"
        ? true
        : undefined,
    `the backend to reach ${client}`,
  );
  await cluster.lab.answer(client);
};

cluster.test("one server has all clients, both ways; the others know them all and stand by", async () => {
  const active = await settled();
  for (const name of await others(active.name)) {
    // One that booted later has to hear the active one for three seconds before it calls it so.
    const { status } = await eventually(async () => {
      const seen = await health(name);
      return /^standby: i-\w+ is active$/.test(seen.reasons[0] ?? "") ? seen : undefined;
    }, `${name} to know which server is active`);
    expect(status).toBe("standby");
    expect(await cluster.peers(name)).toEqual(await cluster.peers(active.name));
  }
  expect((await health(active.name)).status).toBe("ok");
  for (const name of NAMES) await bothWays(name);
});

cluster.test(
  "when it dies another one has all of them, and keeps them when it comes back; no connection is lost",
  async () => {
    const { lab } = cluster;
    const first = await settled();
    await openConnections(lab, CONNECTED);
    const from = await lab.call<number>("now");
    await lab.fault("crash", { server: first.name });
    const second = await settled(first.name);
    for (const name of NAMES) await bothWays(name);
    await lab.fault("start", { server: first.name });
    await eventually(
      async () =>
        (await health(first.name).catch(() => undefined))?.status === "standby" ? true : undefined,
      "the first server to stand by",
    );
    expect((await settled()).name).toBe(second.name);
    expect(await lostConnections(lab, CONNECTED, from)).toEqual([]);
  },
);

cluster.test(
  "an active server that drains hands all of it on, and at no moment nobody is in service; no connection is lost",
  async () => {
    const { lab } = cluster;
    const active = await settled();
    await openConnections(lab, CONNECTED);
    const [from, begun] = [await lab.call<number>("now"), lab.events.length];
    await lab.fault("drain", { server: active.name });
    await settled(active.name);
    const open = lab.events.slice(begun).filter(({ text }) => text.includes("fail open"));
    expect(open).toEqual([]);
    expect(await lostConnections(lab, CONNECTED, from)).toEqual([]);
    for (const name of NAMES) await bothWays(name);
    await cluster.lab.fault("undrain", { server: active.name });
  },
);
