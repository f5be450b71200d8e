// The file server goes away for half a minute, once with a word and once without, below an agent that serves.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { addClient } from "../../../registry/writer";
import { bootServer, config, env, isStatus, PORT, peers } from "../../agent/programs/server";
import { children, metric, startAgent, step, tool, until } from "../../agent/programs/support";
import { patient } from "../../support/slow";
import { agentBundle, fileServer, type Happening, newClient, VIEWS } from "./efs";

const OUTAGE_MS = 30_000;
/** Silence of the kernel's own NFS client after an outage: it repeats what was lost when its timers say so (nfs(5), timeo). */
const RECOVERY_MS = 120_000;
const ROOT = `${VIEWS.control}/registry`;

/** Asks for health all the time; every question must be answered. */
class HealthChecks {
  slowestMs = 0;
  asked = 0;
  private over = false;
  private readonly done: Promise<void>;

  constructor() {
    this.done = this.ask();
    this.done.catch(() => {}); // told by `end`
  }

  private async ask(): Promise<void> {
    while (!this.over) {
      const began = performance.now();
      const response = await fetch(`http://127.0.0.1:${PORT}/healthz`, {
        signal: AbortSignal.timeout(patient(1000)),
      });
      assert.equal(response.status, 200, await response.text());
      this.slowestMs = Math.max(this.slowestMs, performance.now() - began);
      this.asked++;
      await pause(100);
    }
  }

  async end(): Promise<{ asked: number; slowestMs: number }> {
    this.over = true;
    await this.done;
    return { asked: this.asked, slowestMs: Math.round(this.slowestMs) };
  }
}

/** Which of the agent's processes wait in the kernel for so long that it is for the file server (proc(5), state D). */
class Waiting {
  readonly commands = new Set<string>();
  private readonly since = new Map<number, { at: number; command: string }>();

  constructor(private readonly agentPid: number) {}

  async look(): Promise<void> {
    for (const pid of [this.agentPid, ...(await children(this.agentPid, ""))]) {
      if (!(await waits(pid))) {
        this.since.delete(pid); // any process waits for a disk or a lock now and then
        continue;
      }
      // Read at once: a process that has been killed has no arguments any more.
      const since = this.since.get(pid) ?? { at: performance.now(), command: await commandOf(pid) };
      this.since.set(pid, since);
      if (performance.now() - since.at > 1000) this.commands.add(since.command);
    }
  }
}

const reading = (path: string): Promise<string> => fs.readFile(path, "utf8").catch(() => "");

/** Whether one of a process's threads waits uninterruptibly. */
async function waits(pid: number): Promise<boolean> {
  const tasks = await fs.readdir(`/proc/${pid}/task`).catch(() => []);
  const stats = await Promise.all(tasks.map((task) => reading(`/proc/${pid}/task/${task}/stat`)));
  return stats.some((stat) => stat.slice(stat.lastIndexOf(")")).startsWith(") D "));
}

/** The last argument: what the agent's own processes are started as. */
async function commandOf(pid: number): Promise<string> {
  return (await reading(`/proc/${pid}/cmdline`)).split("\0").at(-2) ?? "";
}

async function outage(name: string, agentPid: number, begin: Happening, end: Happening): Promise<void> {
  const present = newClient(`${begin}-present`);
  await addClient(ROOT, present);
  await until("applied", async () => (await peers()).has(present.publicKey));
  const checks = new HealthChecks();
  const waiting = new Waiting(agentPid);
  await fileServer(begin);
  const began = performance.now();
  const late = newClient(`${begin}-late`);
  const change = addClient(ROOT, late); // hangs until the server is back, and is made then
  await until("the silence seen", async () => (await metric(PORT, "wgc_storage_up")) === 0);
  let mended = 0;
  while (performance.now() - began < OUTAGE_MS) {
    await tool("wg", "set", "wg0", "peer", present.publicKey, "remove");
    await until("drift mended meanwhile", async () => {
      await waiting.look();
      return (await peers()).has(present.publicKey);
    });
    mended++;
  }
  await fileServer(end);
  const over = performance.now();
  await change;
  await until("applied afterwards", async () => (await peers()).has(late.publicKey), RECOVERY_MS);
  await isStatus("ok");
  const recoveredMs = Math.round(performance.now() - over);
  const health = await checks.end();
  assert.deepEqual(
    [...waiting.commands],
    ["storage-worker"],
    "one process waits for the server, and no other",
  );
  await until("the workers that hung are gone", async () => {
    return (await children(agentPid, "storage-worker")).length === 1;
  });
  step(name, { mended, recoveredMs, ...health });
}

/** An agent serves from a registry whose file server goes away and comes back. */
export async function outages(): Promise<void> {
  Object.assign(config, {
    registryPath: `${VIEWS.servers}/registry`,
    runtimePath: `${VIEWS.servers}/registry/runtime`,
  });
  await fs.mkdir(config.runtimePath, { recursive: true });
  await bootServer(ROOT);
  const agent = startAgent(agentBundle, env);
  try {
    await isStatus("ok");
    const pid = agent.process.pid ?? 0;
    await outage("the file server ended and started again", pid, "stop", "start");
    await outage("the file server out of reach", pid, "cut", "mend");
  } catch (error) {
    console.error(agent.output().split("\n").slice(-40).join("\n"));
    throw error;
  } finally {
    agent.process.kill("SIGKILL");
    await agent.exited;
  }
}
