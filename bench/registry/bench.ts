/**
 * A registry with many clients in a folder of this machine: what a change, a page of the list and a check cost. A "fresh" process is
 * one that has read nothing yet, as a function is that was just started; loading the program itself is not counted.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildSync } from "esbuild";
import { checkRegistry } from "../../registry/check";
import { ClientIndex, type ClientQuery } from "../../registry/client-index";
import { initRegistry } from "../../registry/init";
import { runtimeOf } from "../../registry/layout";
import type { ClusterFile } from "../../registry/schema";
import { RegistryWriter } from "../../registry/writer";
import { type Spread, spread } from "../statistics";
import { clientName, fill, somePublicKey } from "./filler";

/** What to measure. */
export interface RegistryBenchOptions {
  readonly clients: number;
  /** How often each thing is done; a check and what needs all files less often. */
  readonly runs?: number | undefined;
  /** Where the registry is made; a network file system may be mounted there. */
  readonly folder?: string | undefined;
  readonly say?: ((line: string) => void) | undefined;
  /** The checkout, for processes of their own. */
  readonly project: string;
}

/** One thing that was measured; times in milliseconds. */
export interface RegistryResult extends Spread {
  readonly clients: number;
  readonly what: RegistryTask;
  readonly runs: number;
}

/** What is measured. */
export const REGISTRY_TASKS = [
  "add, fresh process",
  "add",
  "revoke",
  "rotate",
  "first page, nothing read yet",
  "page",
  "first filtered page, nothing read yet",
  "filtered page",
  "page after a change",
  "name that was meant",
  "check",
] as const;
export type RegistryTask = (typeof REGISTRY_TASKS)[number];

/** 10.100.0.0/16 has room for 65,000 clients only. */
const CLUSTER: ClusterFile = {
  schema: 1,
  cluster: "bench",
  endpoint: "vpn.example.org:51820",
  tunnelIpv4: "10.64.0.0/10",
  dns: [],
  routes: ["192.168.0.0/16"],
  mtu: 1420,
  persistentKeepalive: 25,
};
const WHO = { who: "bench" };
const FILTER: ClientQuery = { state: "active", tags: { team: "ops" }, limit: 100 };
const run = promisify(execFile);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** Adds one client in a process of its own; resolves with the milliseconds that the change took there. */
async function addFresh(program: string, root: string, name: string): Promise<number> {
  const { stdout } = await run(process.execPath, [program, root, name]);
  return Number(stdout);
}

/** Fills a registry and measures. */
export async function benchRegistry(options: RegistryBenchOptions): Promise<RegistryResult[]> {
  const { clients, runs = 50, say = () => {}, project } = options;
  const root = mkdtempSync(join(options.folder ?? tmpdir(), "wgc-bench-registry-"));
  const program = mkdtempSync(join(tmpdir(), "wgc-bench-registry-program-"));
  try {
    await initRegistry(root, CLUSTER);
    say(`filling a registry with ${clients.toLocaleString("en")} clients ...`);
    await fill(root, clients);
    // One file, as the control function is deployed.
    const [entry, outfile] = [join(project, "bench/registry/add-one.ts"), join(program, "add-one.js")];
    buildSync({ entryPoints: [entry], outfile, bundle: true, platform: "node", target: "node24" });
    const results: RegistryResult[] = [];
    for (const what of REGISTRY_TASKS) {
      const { times, work } = taskOf(what, root, clients, join(program, "add-one.js"));
      const count = Math.max(1, Math.round(runs * times));
      const samples: number[] = [];
      for (let index = 0; index < count; index++) samples.push(await work(index));
      const result = { clients, what, runs: count, ...spread(samples) };
      results.push(result);
      say(`${what}: p50 ${result.p50} ms, p95 ${result.p95} ms`);
    }
    return results;
  } finally {
    for (const folder of [root, program]) rmSync(folder, { recursive: true, force: true });
  }
}

/** How a task is done once, and how often beside the others. */
function taskOf(
  what: RegistryTask,
  root: string,
  clients: number,
  program: string,
): { times: number; work: (index: number) => Promise<number> } {
  const writer = new RegistryWriter(root);
  const index = new ClientIndex(root);
  const now = new Date();
  const some = (run: number): string => clientName(1 + ((run * 7919) % clients));
  const warm = async (work: () => Promise<unknown>): Promise<number> => {
    await index.all();
    return timed(work);
  };
  switch (what) {
    case "add, fresh process":
      return { times: 0.4, work: (run) => addFresh(program, root, `fresh-${run}`) };
    case "add":
      return {
        times: 1,
        work: (run) => timed(() => writer.add({ name: `new-${run}`, publicKey: somePublicKey() }, WHO)),
      };
    case "revoke":
      return { times: 1, work: (run) => timed(() => writer.revoke(some(run), WHO)) };
    case "rotate":
      return {
        times: 1,
        work: (run) =>
          timed(() => writer.rotate(some(run), { publicKey: somePublicKey(), overlapSeconds: 3600 }, WHO)),
      };
    case "first page, nothing read yet":
      return { times: 0.4, work: () => timed(() => new ClientIndex(root).page({ limit: 100 }, now)) };
    case "page":
      return { times: 1, work: (run) => warm(() => index.page({ limit: 100, after: some(run) }, now)) };
    case "first filtered page, nothing read yet":
      return { times: 0.1, work: () => timed(() => new ClientIndex(root).page(FILTER, now)) };
    case "filtered page":
      return { times: 1, work: (run) => warm(() => index.page({ ...FILTER, after: some(run) }, now)) };
    case "page after a change":
      return {
        times: 0.4,
        work: async (run) => {
          await index.all();
          await writer.update(some(run), { tags: { run: `${run}` } }, WHO);
          return timed(() => index.page(FILTER, now));
        },
      };
    case "name that was meant":
      return { times: 0.4, work: (run) => warm(() => index.didYouMean(some(run).replace("0", "O"))) };
    case "check":
      return { times: 0.1, work: () => timed(() => checkRegistry(root, runtimeOf(root), { repair: false })) };
  }
}
