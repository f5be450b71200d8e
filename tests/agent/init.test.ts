import { promises as fs } from "node:fs";
import { join } from "node:path";
import { type InitWait, init } from "../../agent/init";
import { LocalCopy } from "../../agent/local-copy";
import type { StorageClient } from "../../agent/storage-client";
import { StorageAnswerError } from "../../agent/storage-client";
import type { StorageMessage } from "../../agent/storage-protocol";
import { StorageWorker } from "../../agent/storage-worker";
import { UserError } from "../../config/errors";
import { initRegistry } from "../../registry/init";
import type { ClusterFile } from "../../registry/schema";
import { CONFIG, silent } from "./fixtures";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();
const CLUSTER: ClusterFile = {
  schema: 1,
  cluster: CONFIG.cluster,
  endpoint: "host:51820",
  tunnelIpv4: CONFIG.tunnelIpv4,
  dns: [],
  routes: ["10.0.0.0/16"],
  mtu: 1420,
  persistentKeepalive: 25,
};
/** Looks once and once more. */
const TWICE: InitWait = { limitMs: 40, pauseMs: 25 };

/** The storage worker without its process; calls `before` ahead of each look at the registry. */
const storage = (before: () => Promise<unknown> = async () => {}) =>
  ({
    request: async (operation: string, args: unknown) => {
      await before();
      return new Promise((resolve, reject) => {
        const worker = new StorageWorker((message: StorageMessage) => {
          if (message.kind === "answer") resolve(message.value);
          else if (message.kind === "error")
            reject(new StorageAnswerError(message.message, message.errorKind));
        });
        void worker.handle({ id: 1, operation: operation as never, args });
      });
    },
  }) as unknown as StorageClient;

async function server(name: string, registry = true) {
  const config = {
    ...CONFIG,
    registryPath: join(folder, name, "registry"),
    statePath: join(folder, name, "state"),
  };
  await fs.mkdir(config.registryPath, { recursive: true });
  if (registry) await initRegistry(config.registryPath, CLUSTER);
  return { config, local: new LocalCopy(config.statePath) };
}

async function started(name: string) {
  const made = await server(name);
  return { ...made, publicKey: await init(made.config, storage(), silent) };
}

test("a server takes key and cluster over from the registry, and writes nothing there", async () => {
  const { config, local } = await server("first");
  const list = async () => (await fs.readdir(config.registryPath, { recursive: true })).sort();
  const before = await list();
  const publicKey = await init(config, storage(), silent);
  expect(`${publicKey}\n`).toBe(await fs.readFile(join(config.registryPath, "server/public.key"), "utf8"));
  expect(await local.publicKey()).toBe(publicKey);
  expect(await local.cluster()).toEqual(CLUSTER);
  expect(await list()).toEqual(before);
});

test("settings of clients that changed in the registry are no reason to stop", async () => {
  const { config, publicKey, local } = await started("changed");
  const cluster = { ...CLUSTER, endpoint: "host:51821", dns: ["10.0.0.2"], mtu: 1400 };
  await fs.writeFile(join(config.registryPath, "cluster.json"), JSON.stringify(cluster));
  expect(await init(config, storage(), silent)).toBe(publicKey);
  expect(await local.cluster()).toEqual(cluster);
});

test("a server without a key waits for one, and takes it when it appears", async () => {
  const { config, local } = await server("late", false);
  let looks = 0;
  const later = storage(async () => {
    looks += 1;
    if (looks === 3) await initRegistry(config.registryPath, CLUSTER);
  });
  const publicKey = await init(config, later, silent, { limitMs: 60_000, pauseMs: 1 });
  expect(looks).toBe(3);
  expect(await local.publicKey()).toBe(publicKey);
});

test("a registry that stays without a key ends the wait with what to do, and no key was made", async () => {
  const { config, local } = await server("never", false);
  const waiting = init(config, storage(), silent, TWICE);
  await expect(waiting).rejects.toThrow(UserError);
  await expect(waiting).rejects.toThrow(
    /this server has no key yet and the registry .*never\/registry gives it none: .*looked for 0\.04 s.*the control function makes the key during `pulumi up`, before any server: run `pulumi up` again/,
  );
  expect(await fs.readdir(config.registryPath)).toEqual([]);
  expect(await local.publicKey()).toBeUndefined();
});

test("what is not a missing key is not waited for", async () => {
  const { config } = await server("broken");
  await fs.writeFile(join(config.registryPath, "server/private.key"), "garbage\n");
  const patient = { limitMs: 600_000, pauseMs: 500_000 };
  await expect(init(config, storage(), silent, patient)).rejects.toThrow(
    /private\.key: is not a private key/,
  );
});

test.each([
  ["cluster", "wgc-prod"],
  ["tunnelIpv4", "10.9.0.0/16"],
])("a registry with another %s gives a new server nothing", async (field, value) => {
  const { config, local } = await server(`other-${field}`);
  await expect(init({ ...config, [field]: value }, storage(), silent)).rejects.toThrow(
    `cluster.json: ${field} is ${CONFIG[field as "cluster"]}, this server is configured with ${value}`,
  );
  expect(await local.publicKey()).toBeUndefined();
});

test("a server whose registry was emptied keeps its key", async () => {
  const { config, publicKey, local } = await started("emptied");
  const copy = await fs.readFile(local.keyPath, "utf8");
  await fs.rm(config.registryPath, { recursive: true });
  await fs.mkdir(config.registryPath);
  expect(await init(config, storage(), silent)).toBe(publicKey);
  expect(await fs.readFile(local.keyPath, "utf8")).toBe(copy);
  expect(await fs.readdir(config.registryPath)).toEqual([]);
});

test("a registry with another key does not replace this server's copy", async () => {
  const { config, publicKey, local } = await started("one");
  const other = await started("other");
  expect(await init({ ...config, registryPath: other.config.registryPath }, storage(), silent)).toBe(
    publicKey,
  );
  expect(await local.publicKey()).toBe(publicKey);
});

test("what is wrong is told apart: a damaged registry is an error, an unreachable one a warning", async () => {
  const { config } = await started("damaged");
  const told: string[] = [];
  const log = {
    ...silent,
    info: () => {},
    warn: (_: object, text: string) => told.push(`warn: ${text}`),
    error: (_: object, text: string) => told.push(`error: ${text}`),
  } as unknown as typeof silent;
  await init({ ...config, registryPath: (await started("foreign")).config.registryPath }, storage(), log);
  await fs.writeFile(join(config.registryPath, "server/private.key"), "garbage\n");
  await init(config, storage(), log);
  await init(
    config,
    { request: () => Promise.reject(new Error("gave no answer")) } as unknown as StorageClient,
    log,
  );
  expect(told).toEqual([
    "error: the registry is not to be followed; going on with this server's own copy",
    "error: the registry is not to be followed; going on with this server's own copy",
    "warn: the registry cannot be reached; going on with this server's own copy",
  ]);
});
