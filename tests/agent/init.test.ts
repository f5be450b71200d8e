import { promises as fs } from "node:fs";
import { join } from "node:path";
import { init } from "../../agent/init";
import { LocalCopy } from "../../agent/local-copy";
import type { StorageClient } from "../../agent/storage-client";
import { StorageAnswerError } from "../../agent/storage-client";
import type { StorageMessage } from "../../agent/storage-protocol";
import { StorageWorker } from "../../agent/storage-worker";
import { CONFIG, silent } from "./fixtures";
import { temporaryFolder } from "./namespace";

const folder = temporaryFolder();

/** The storage worker without its process. */
const storage = {
  request: (operation: string, args: unknown) =>
    new Promise((resolve, reject) => {
      const worker = new StorageWorker((message: StorageMessage) => {
        if (message.kind === "answer") resolve(message.value);
        else if (message.kind === "error") reject(new StorageAnswerError(message.message, message.errorKind));
      });
      void worker.handle({ id: 1, operation: operation as never, args });
    }),
} as unknown as StorageClient;

async function server(name: string) {
  const config = {
    ...CONFIG,
    registryPath: join(folder, name, "registry"),
    statePath: join(folder, name, "state"),
  };
  await fs.mkdir(config.registryPath, { recursive: true });
  return { config, publicKey: await init(config, storage, silent) };
}

test("a server whose registry was emptied keeps its key and makes no new one", async () => {
  const { config, publicKey } = await server("emptied");
  const copy = await fs.readFile(new LocalCopy(config.statePath).keyPath, "utf8");
  await fs.rm(config.registryPath, { recursive: true });
  await fs.mkdir(config.registryPath);
  expect(await init(config, storage, silent)).toBe(publicKey);
  expect(await fs.readFile(new LocalCopy(config.statePath).keyPath, "utf8")).toBe(copy);
  expect(await fs.readdir(config.registryPath)).toEqual([]);
});

test("a registry with another cluster's key does not replace this server's copy", async () => {
  const { config, publicKey } = await server("one");
  const other = await server("other");
  expect(await init({ ...config, registryPath: other.config.registryPath }, storage, silent)).toBe(publicKey);
  expect(await new LocalCopy(config.statePath).publicKey()).toBe(publicKey);
});

test("what is wrong is told apart: a damaged registry is an error, an unreachable one a warning", async () => {
  const { config } = await server("damaged");
  const told: string[] = [];
  const log = {
    ...silent,
    info: () => {},
    warn: (_: object, text: string) => told.push(`warn: ${text}`),
    error: (_: object, text: string) => told.push(`error: ${text}`),
  } as unknown as typeof silent;
  await fs.writeFile(join(config.registryPath, "server/private.key"), "garbage\n");
  await init(config, storage, log);
  await init(
    config,
    { request: () => Promise.reject(new Error("gave no answer")) } as unknown as StorageClient,
    log,
  );
  expect(told).toEqual([
    "error: the registry is damaged; going on with this server's own copy",
    "warn: the registry cannot be reached; going on with this server's own copy",
  ]);
});
