import type { ConfigView, Results, ServerKeyStatus } from "../../control/answers";
import type { Input, Operation, Response } from "../../control/protocol";
import { Cluster } from "./cluster";
import { secretsTests } from "./secrets";
import { eventually, isHealthy } from "./support";

/** A key rotation from its begin to its end, in a cluster whose load balancer listens on both ports. */
const CLIENTS = { alice: "strict", bob: "full-cone", carol: "strict" } as const;
const cluster = new Cluster("server-key", CLIENTS, { "wgc:serverKeyRotation": "true" });

function ask<O extends Operation>(operation: O, input: Input<O>): Promise<Response<O>> {
  return cluster.lab.call<Response<O>>("control", { version: 1, operation, input });
}

async function call<O extends Operation>(operation: O, input: Input<O>): Promise<Results[O]> {
  const answer = await ask(operation, input);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.result;
}

const serverKey = (
  action: "status" | "begin" | "finish" | "abort",
  force = false,
): Promise<ServerKeyStatus> => call("serverKey", { action, force });

/** A person puts the new file in place: the same tunnel with another server key and port. */
async function adopt(client: string): Promise<ConfigView> {
  const { config } = await call("config", { name: client });
  const { serverPublicKey, endpoint, allowedIps, persistentKeepalive } = config;
  await cluster.lab.sh(
    client,
    `for old in $(wg show wg0 peers); do wg set wg0 peer "$old" remove; done
     wg set wg0 peer ${serverPublicKey} endpoint ${endpoint} allowed-ips ${allowedIps.join(",")} persistent-keepalive ${persistentKeepalive}`,
  );
  return config;
}

const answers = async (client: string): Promise<number> =>
  (await cluster.lab.status()).clients.find(({ name }) => name === client)?.received ?? 0;

/** Resolves when the client has got answers that came after this call. */
async function talks(client: string): Promise<void> {
  const before = await answers(client);
  await eventually(
    async () => ((await answers(client)) > before + 5 ? true : undefined),
    `${client} to talk`,
  );
}

/** What each server says of one of its interfaces; "" where there is none. */
async function onServers(script: string): Promise<string[]> {
  const names = await cluster.serverNames();
  return Promise.all(names.map((name) => cluster.lab.sh(name, `${script} 2>/dev/null || :`)));
}

/** How often a server said that it is out of service; at its start it does. */
const FELL_OUT = "grep -c 'out of service' /var/log/units/wgc-agent.service.log";

const everywhere = (script: string, expected: string) =>
  eventually(
    async () => ((await onServers(script)).every((text) => text === expected) ? true : undefined),
    `${script} to be '${expected}' on every server`,
  );

cluster.test("clients move to the next key one by one, and finish leaves them all connected", async () => {
  const before = await onServers(FELL_OUT);
  const begun = await serverKey("begin");
  const next = begun.next?.publicKey ?? "";
  expect([begun.phase, begun.current.publicKey === next, begun.waiting]).toEqual(["rotating", false, 3]);
  await everywhere("wg show wg1 public-key", next);

  for (const name of ["alice", "bob"] as const) {
    expect((await adopt(name)).serverPublicKey).toBe(next);
    await talks(name);
  }
  await talks("carol"); // with the key that everybody had
  const { moved, waitingFor } = await eventually(async () => {
    const status = await serverKey("status");
    return status.moved === 2 ? status : undefined;
  }, "two clients to be known to have moved");
  expect([moved, waitingFor]).toEqual([2, ["carol"]]);

  const refused = await ask("serverKey", { action: "finish" });
  expect(refused.ok ? "done" : refused.error.message).toMatch(/carol/);

  const status = await serverKey("finish", true);
  expect([status.phase, status.current.publicKey]).toEqual(["steady", next]);
  await everywhere("wg show wg0 public-key", next);
  await everywhere("wg show wg1 public-key", "");
  await talks("alice");
  await talks("bob");
  await adopt("carol"); // who was late is out until she has the new file
  await talks("carol");

  // The probe follows the key too, so the load balancer keeps all servers; and whoever comes now gets the new key.
  await eventually(async () => {
    const { servers } = await cluster.lab.status();
    const reports = await onServers('curl -s http://127.0.0.1:8080/healthz | grep -o \'"status": *"ok"\'');
    return servers.every(isHealthy) && reports.every((text) => text !== "") ? true : undefined;
  }, "every server to be in order");
  // Nor was any of them out of service for a moment: all go over at once, and that must not look like a fault.
  expect(await onServers(FELL_OUT)).toEqual(before);
  await cluster.lab.call("join", { name: "dave", nat: "strict" });
  expect(await cluster.lab.sh("dave", "wg show wg0 peers")).toBe(next);
});

cluster.test("a rotation that is given up leaves the key that there was", async () => {
  const { current } = await serverKey("status");
  const begun = await serverKey("begin");
  await everywhere("wg show wg1 public-key", begun.next?.publicKey ?? "");
  await adopt("alice");
  await talks("alice");
  await serverKey("abort");
  await everywhere("wg show wg1 public-key", "");
  await talks("bob");
  expect((await adopt("alice")).serverPublicKey).toBe(current.publicKey);
  await talks("alice");
  expect(await onServers("wg show wg0 public-key")).toEqual(
    (await cluster.serverNames()).map(() => current.publicKey),
  );
});

secretsTests(cluster);

/** What a server answers the load balancer's checks with. */
const health = (server: string): Promise<string> =>
  cluster.lab.sh(server, "curl -s --max-time 5 http://127.0.0.1:8080/healthz || :");

cluster.test(
  "a server that was cut off during a whole rotation comes back to no service, and says why",
  async () => {
    const { lab } = cluster;
    const { server } = await cluster.busiest();
    const { name: lost, address } = server;
    await lab.fault("blackhole", { server: lost });
    const others = (await cluster.serverNames()).filter((name) => name !== lost);
    await eventually(
      async () => (Object.values(await lab.flows(Object.keys(CLIENTS))).includes(address) ? undefined : true),
      "all clients to be on other servers",
    );
    const { next } = await serverKey("begin");
    const onOthers = (script: string, expected: string) =>
      eventually(async () => {
        const texts = await Promise.all(others.map((name) => lab.sh(name, `${script} 2>/dev/null || :`)));
        return texts.every((text) => text === expected) ? true : undefined;
      }, `${script} to be '${expected}' on the other servers`);
    await onOthers("wg show wg1 public-key", next?.publicKey ?? "");
    for (const name of Object.keys(CLIENTS)) {
      await adopt(name);
      await talks(name);
    }
    await serverKey("finish", true);
    await onOthers("wg show wg0 public-key", next?.publicKey ?? "");

    await lab.fault("heal", { server: lost });
    await eventually(async () => {
      const { status, reasons } = JSON.parse(await health(lost)) as { status: string; reasons: string[] };
      return status === "unhealthy" && reasons.some((one) => one.includes("was cut off")) ? true : undefined;
    }, "the server to be out of service because it was left behind");
    expect(await cluster.peers(lost)).toEqual([""]); // it serves nobody, with whatever key
    const { nodes } = await eventually(async () => {
      const status = await call("status", {});
      return status.nodes.some(
        ({ healthy, problems }) => !healthy && problems.some((one) => one.includes("was cut off")),
      )
        ? status
        : undefined;
    }, "the servers' status to say why");
    expect(nodes.filter(({ healthy }) => !healthy)).toHaveLength(1);
    for (const name of Object.keys(CLIENTS)) await talks(name);
  },
);
