import { promises as fs } from "node:fs";
import { join } from "node:path";
import { Agent } from "../../agent/agent";
import type { Device } from "../../agent/device";
import { LocalCopy } from "../../agent/local-copy";
import type { StorageClient } from "../../agent/storage-client";
import type { ServerKeyState } from "../../agent/storage-protocol";
import type { ClientFile, NodeFile } from "../../registry/schema";
import type { PeerSpec } from "../../wireguard/diff";
import { FakeClock, settle } from "./fake-clock";
import { CONFIG, client, device, key, silent } from "./fixtures";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();
/** Stopped after a failure too: their timers would keep the process. */
const running: Agent[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((agent) => agent.stop()));
});

/** An agent with a local copy, an empty interface and a registry that answers when it is told to. */
async function setup(name: string, copyOf: string, probeWorks = false) {
  const local = new LocalCopy(join(folder, name));
  await local.saveSnapshot({
    schema: 1,
    serverPublicKey: copyOf,
    revision: 7,
    savedAt: "2026-01-01T00:00:00.000Z",
    clients: [client("from-copy", 9)],
    usedKeys: [],
  });
  const applied: string[] = [];
  /** Peers that the interface is found with. */
  const kernel: PeerSpec[] = [];
  const fake: Device = {
    observe: async () => device(kernel),
    dump: async () => device(kernel).dump,
    apply: async (commands) => {
      applied.push(...commands.map(({ args, stdin = "" }) => `${args.join(" ")} ${stdin}`));
    },
  };
  let answer: (clients: readonly ClientFile[]) => void = () => {};
  const registry: { serverKey: ServerKeyState | undefined } = { serverKey: undefined };
  const records: NodeFile[] = [];
  const storage = {
    state: "starting",
    restarts: 0,
    stop: () => {},
    request: (
      operation: string,
      args: { readonly record?: NodeFile },
      more?: { onPart?: (clients: readonly ClientFile[]) => void },
    ) =>
      new Promise((resolve, reject) => {
        if (operation === "serverKey") {
          if (registry.serverKey === undefined) reject(new Error("away"));
          else resolve(registry.serverKey);
        }
        if (operation === "writeNode" && args.record !== undefined) {
          records.push(args.record);
          resolve(null);
        }
        if (operation !== "readAll") return;
        answer = (clients) => {
          more?.onPart?.(clients);
          resolve({
            clients: [],
            problems: [],
            unreadable: [],
            revision: 8,
            cluster: CONFIG.cluster,
            publicKey: key(1),
          });
        };
      }),
  } as unknown as StorageClient;
  const clock = new FakeClock();
  const warnings: string[] = [];
  const log = Object.assign(Object.create(silent), {
    warn: (_: object, text: string) => warnings.push(text),
  }) as typeof silent;
  const completed: string[] = [];
  const agent = new Agent({
    config: { ...CONFIG, healthPort: 0, takeover: false },
    instance: "i-test",
    version: "1",
    publicKey: key(1),
    clock,
    log,
    storage,
    device: fake,
    exec: () => Promise.reject(new Error("no tools here")),
    local,
    probeKey: key(99),
    probeLine: {
      problem: undefined,
      send: (_, answer) => void (probeWorks && answer()),
      renew: () => {},
      close: () => {},
    },
    lifecycle: {
      heartbeatSeconds: 90,
      settled: { read: async () => undefined, save: async () => {} },
      calls: {
        heartbeat: async () => "done",
        complete: async (transition) => {
          completed.push(transition);
          return "done";
        },
      },
    },
  });
  running.push(agent);
  await agent.start();
  await settle();
  return {
    agent,
    clock,
    applied,
    kernel,
    registry,
    records,
    warnings,
    completed,
    registryAnswers: (clients: readonly ClientFile[]) => answer(clients),
  };
}

test("a copy of this cluster's clients is served when the registry does not answer, one of another cluster's never", async () => {
  const own = await setup("own", key(1));
  await own.clock.advance(3000);
  expect(own.applied.join()).toContain(key(9));
  await own.agent.stop();

  const foreign = await setup("foreign", key(2));
  await foreign.clock.advance(3000);
  expect(foreign.applied).toEqual([]);
  await foreign.agent.stop();
});

test("what the registry said is not undone by the copy a moment later", async () => {
  const { agent, clock, applied, warnings, registryAnswers } = await setup("late", key(1));
  await clock.advance(1000);
  registryAnswers([client("from-registry", 5)]);
  await clock.advance(3000);
  expect(applied.join()).toContain(key(5));
  expect(applied.join()).not.toContain(key(9));
  expect(warnings.filter((text) => text.includes("own copy"))).toEqual([]);
  await agent.stop();
  await fs.access(join(folder, "late", "clients.json"));
});

test("the copy takes no peer away that it knows nothing of: the registry may", async () => {
  const { agent, clock, kernel, applied, registryAnswers } = await setup("killed", key(1));
  kernel.push({ publicKey: key(7), presharedKey: undefined, allowedIps: ["10.100.0.7/32"] });
  await clock.advance(3000);
  expect(applied.join()).toContain(key(9));
  await clock.advance(20_000);
  expect(applied.join()).not.toContain(`peer ${key(7)} remove`);
  registryAnswers([client("from-registry", 5)]);
  await clock.advance(1000);
  expect(applied.join()).toContain(`peer ${key(7)} remove`);
  await agent.stop();
});

/** Lets time pass until something is so: what waits for the disk takes as long as it takes. */
async function until(clock: FakeClock, what: () => void): Promise<void> {
  for (let round = 0; round < 200; round++) {
    try {
      what();
      return;
    } catch {
      await clock.advance(500);
    }
  }
  what();
}

const LEFT = { publicKey: key(3), port: 51821, former: [key(1)] };
const WHY =
  "the server key was replaced while this server was cut off, and it does not have the new one; replace this server";

test("a server that a finished rotation left behind is out of service, serves nobody, and does not come back with its copy", async () => {
  const { agent, clock, applied, kernel, registry, records, registryAnswers } = await setup(
    "left",
    key(1),
    true,
  );
  registryAnswers([client("alice", 5)]);
  await until(clock, () =>
    expect(records.at(-1)).toMatchObject({ healthy: true, peers: 1, serverKey: key(1) }),
  );
  kernel.push({ publicKey: key(5), presharedKey: undefined, allowedIps: ["10.100.0.5/32"] });
  registry.serverKey = LEFT;
  await until(clock, () => expect(applied.join()).toContain(`peer ${key(5)} remove`));
  kernel.length = 0;
  await until(clock, () =>
    expect(records.at(-1)).toMatchObject({ healthy: false, revision: 0, peers: 0, problems: [WHY] }),
  );
  await agent.stop();
  await expect(fs.access(join(folder, "left", "clients.json"))).rejects.toThrow("ENOENT");
});

test("what was being read when a server learned that it was left behind is not served", async () => {
  const { agent, clock, applied, registry, records, registryAnswers } = await setup("read", key(1), true);
  registry.serverKey = LEFT;
  await until(clock, () => expect(records.at(-1)?.problems).toContain(WHY));
  registryAnswers([client("bob", 6)]);
  await clock.advance(10_000);
  expect(applied.join()).not.toContain(key(6));
  await agent.stop();
});

test("a registry with a key that is foreign without saying why degrades a server, which goes on with its clients", async () => {
  const { agent, clock, applied, registry, records, registryAnswers } = await setup("wrong", key(1), true);
  registryAnswers([client("alice", 5)]);
  registry.serverKey = { publicKey: key(3), port: 51820, former: [key(4)] };
  await until(clock, () =>
    expect(records.at(-1)).toMatchObject({
      healthy: true,
      peers: 1,
      problems: [expect.stringContaining("a server key that this server has never had")],
    }),
  );
  await clock.advance(5000);
  expect(records.at(-1)).toMatchObject({ healthy: true, peers: 1 });
  expect(applied.join()).not.toContain("remove");
  await agent.stop();
});

test("a server that is not healthy completes no launch; one that goes completes its end when the drain is over", async () => {
  const { agent, clock, completed } = await setup("ending", key(1));
  for (const target of ["InService", "Warmed:Running"]) {
    agent.setTarget(target);
    await clock.advance(30_000);
    expect(completed).toEqual([]);
  }
  agent.setTarget("Terminated");
  agent.setDrain("lifecycle", "the group ends it");
  await clock.advance(31_000); // its flows are led here for 30 s
  expect(completed).toEqual([]);
  await clock.advance(4000);
  expect(completed).toEqual(["terminate"]);
  await agent.stop();
});
