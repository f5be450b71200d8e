import { promises as fs } from "node:fs";
import { join } from "node:path";
import { Agent } from "../../agent/agent";
import type { Device } from "../../agent/device";
import { LocalCopy } from "../../agent/local-copy";
import type { StorageClient } from "../../agent/storage-client";
import type { ClientFile } from "../../registry/schema";
import { FakeClock, settle } from "./fake-clock";
import { CONFIG, client, device, key, silent } from "./fixtures";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();

/** An agent with a local copy, an empty interface and a registry that answers when it is told to. */
async function setup(name: string, copyOf: string) {
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
  const fake: Device = {
    observe: async () => device([]),
    dump: async () => device([]).dump,
    apply: async (commands) => {
      applied.push(...commands.map(({ stdin }) => stdin ?? ""));
    },
  };
  let answer: (clients: readonly ClientFile[]) => void = () => {};
  const storage = {
    state: "starting",
    restarts: 0,
    stop: () => {},
    request: (
      operation: string,
      _args: unknown,
      more?: { onPart?: (clients: readonly ClientFile[]) => void },
    ) =>
      new Promise((resolve) => {
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
    probeLine: { problem: undefined, send: () => {}, renew: () => {}, close: () => {} },
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
  await agent.start();
  await settle();
  return {
    agent,
    clock,
    applied,
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

test("a server that is not healthy completes no launch; one that goes completes its end when the drain is over", async () => {
  const { agent, clock, completed } = await setup("ending", key(1));
  for (const target of ["InService", "Warmed:Running"]) {
    agent.setTarget(target);
    await clock.advance(30_000);
    expect(completed).toEqual([]);
  }
  agent.setTarget("Terminated");
  agent.setDrain("lifecycle", "the group ends it");
  await clock.advance(19_000);
  expect(completed).toEqual([]);
  await clock.advance(2000);
  expect(completed).toEqual(["terminate"]);
  await agent.stop();
});
