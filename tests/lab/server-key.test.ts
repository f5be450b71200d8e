import type { ConfigView, Results, ServerKeyStatus } from "../../control/answers";
import type { Input, Operation, Response } from "../../control/protocol";
import { Cluster } from "./cluster";
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

const everywhere = (script: string, expected: string) =>
  eventually(
    async () => ((await onServers(script)).every((text) => text === expected) ? true : undefined),
    `${script} to be '${expected}' on every server`,
  );

cluster.test("clients move to the next key one by one, and finish leaves them all connected", async () => {
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
