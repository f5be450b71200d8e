import { spawnSync } from "node:child_process";
import { accessSync, constants, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { change, withNumbers, withUserData } from "../../bench/variant";
import { parseFlows } from "../../lab/balancer/flows";
import type { BootImage } from "../../lab/boot/image";
import { enterLab, type RunningLab, runFolder } from "../../lab/enter";
import type { Finished } from "../../lab/process";
import type { LabEvent, LabStatus, ServerStatus } from "../../lab/status";
import type { Answer } from "../../lab/traffic";
import type { Plan } from "../../plan";
import { namespaceProblem } from "../agent/namespace";
import { patient } from "../support/slow";

export const PROJECT = join(__dirname, "..", "..");

/** Why no lab can run here, or undefined. */
export function labProblem(): string | undefined {
  const missing = ["nft", "conntrack", "pkill", "wg-quick", "curl"].find(
    (tool) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", tool]).status !== 0,
  );
  return namespaceProblem() ?? (missing === undefined ? undefined : `${missing} is not installed`);
}

/** Why the shared file system cannot be made to hang here, or undefined. */
export function hangProblem(): string | undefined {
  if (spawnSync("sh", ["-c", "command -v bindfs"]).status !== 0) return "bindfs is not installed";
  try {
    accessSync("/dev/fuse", constants.W_OK);
    return undefined;
  } catch {
    return "/dev/fuse may not be opened";
  }
}

/** A test for machines without that problem: elsewhere it is reported as skipped, with the reason in its title. */
export function testUnless(
  problem: string | undefined,
  title: string,
  body: () => Promise<void>,
  limit?: number,
): void {
  if (problem === undefined) test(title, body, limit === undefined ? undefined : patient(limit));
  else {
    process.stderr.write(`SKIPPED: ${title}: ${problem}\n`);
    test.skip(`${title} (skipped: ${problem})`, body);
  }
}

/** Resolves with what `look` returns once that is not undefined; fails after the limit. */
export async function eventually<T>(
  look: () => Promise<T | undefined> | T | undefined,
  what: string,
  limit = 30_000,
): Promise<T> {
  const late = performance.now() + patient(limit);
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (performance.now() > late) throw new Error(`waited ${patient(limit) / 1000} s for ${what}`);
    await pause(50);
  }
}

/** The same plan with shorter times, so that nobody waits: health checks every second, delays of a few seconds. */
export function quick(plan: Plan): Plan {
  const checked = change(plan, "aws:lb/targetGroup:TargetGroup", (inputs) => ({
    healthCheck: { ...(inputs["healthCheck"] as object), interval: 2 },
    deregistrationDelay: 4,
  }));
  return withUserData(checked, (text) =>
    withNumbers(text, { drainSeconds: 4, deregistrationDelaySeconds: 4 }).replace(
      /RestartSec=.*/,
      "RestartSec=0.1",
    ),
  );
}

export const isHealthy = (server: ServerStatus): boolean =>
  server.state === "running" && server.health === "healthy";

/** A running lab, and what it told so far. */
export class LabUnderTest {
  readonly events: LabEvent[] = [];
  private readonly watchers = new Set<() => void>();
  private latest: LabStatus | undefined;

  private constructor(
    private readonly lab: RunningLab,
    readonly name: string,
  ) {
    lab.client.on<LabEvent>("log", (event) => {
      this.events.push(event);
      for (const watcher of [...this.watchers]) watcher();
    });
    lab.client.on<LabStatus>("status", (status) => {
      this.latest = status;
      for (const watcher of [...this.watchers]) watcher();
    });
  }

  /** @param boot what servers need that boot an operating system of their own */
  static async start(name: string, plan: Plan, boot?: BootImage): Promise<LabUnderTest> {
    const common = { project: PROJECT, detached: false, replaceUnhealthy: false };
    const options = boot ? { ...common, boot } : common;
    return new LabUnderTest(await enterLab(name, plan, options), name);
  }

  async end(): Promise<void> {
    await this.lab.end();
    rmSync(runFolder(PROJECT, this.name), { recursive: true, force: true });
  }

  call<T = unknown>(method: string, params: unknown = {}): Promise<T> {
    return this.lab.client.call<T>(method, params);
  }

  fault(kind: string, argument: Record<string, unknown> = {}): Promise<unknown> {
    return this.call("fault", { kind, ...argument });
  }

  status(): Promise<LabStatus> {
    return this.call<LabStatus>("status");
  }

  /** Resolves with what `look` finds in the lab's story, as soon as it finds something. */
  private watch<T>(look: () => T | undefined, what: string, limit: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        this.watchers.delete(check);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.watchers.delete(check);
        const story = this.events.slice(-12).map((event) => event.text);
        reject(
          new Error(`waited ${patient(limit) / 1000} s for ${what}; the last events: ${story.join(" | ")}`),
        );
      }, patient(limit));
      this.watchers.add(check);
    });
  }

  /** Resolves with the first status from now on that fits. */
  until(fits: (status: LabStatus) => boolean, what: string, limit = 30_000): Promise<LabStatus> {
    const old = this.latest;
    return this.watch(
      () => (this.latest && this.latest !== old && fits(this.latest) ? this.latest : undefined),
      what,
      limit,
    );
  }

  /** Resolves with the first event after the `from`-th one that matches. */
  untilEvent(pattern: RegExp, from: number, limit = 30_000): Promise<LabEvent> {
    return this.watch(
      () => this.events.slice(from).find(({ text }) => pattern.test(text)),
      String(pattern),
      limit,
    );
  }

  /** Resolves when all servers are healthy, and each client got an answer since. */
  async settle(clients: readonly string[]): Promise<LabStatus> {
    await this.until(
      ({ servers, group }) =>
        servers.length === group.desired && servers.every((server) => isHealthy(server) && !server.cut),
      "all servers to be healthy",
    );
    await Promise.all(clients.map((name) => this.rekey(name)));
    await Promise.all(clients.map((name) => this.answer(name)));
    return this.status();
  }

  /** The client's next answer; fails when there is none. */
  async answer(name: string, limit = 20_000): Promise<Answer> {
    const answer = await this.call<Answer | null>("nextAnswer", { name, limit: patient(limit) });
    if (answer === null) throw new Error(`${name} got no answer within ${patient(limit) / 1000} s`);
    return answer;
  }

  exec(machine: string, ...command: string[]): Promise<Finished> {
    return this.call<Finished>("exec", { machine, command });
  }

  /** Runs a script in a machine; returns its standard output without the last line end. */
  async sh(machine: string, script: string): Promise<string> {
    const { code, stdout, stderr } = await this.exec(machine, "sh", "-c", script);
    if (code !== 0) throw new Error(`'${script}' on ${machine} ended with code ${code}: ${stderr}`);
    return stdout.trimEnd();
  }

  /** Writes a file to a machine's disk; not below /run, which is no part of it. */
  async write(machine: string, path: string, content: string): Promise<void> {
    const script = ["sh", "-c", 'cat >"$1"', "write", `/run/lab/disks/${machine}${path}`];
    await this.lab.inside(script, { input: content });
  }

  /** Runs a script where the load balancer and the shared folders are: in the lab's own namespaces. */
  router(script: string, input = ""): Promise<string> {
    return this.lab.inside(["sh", "-c", script], { input });
  }

  /** Client → address of the server that its flow goes to, from the load balancer's flow table. */
  async flows(names: readonly string[]): Promise<Record<string, string>> {
    const flows = parseFlows(await this.router("conntrack -L -p udp --orig-port-dst 51820 2>/dev/null"));
    const { clients } = await this.status();
    const targets = names.map((name) => {
      const client = clients.find((candidate) => candidate.name === name);
      const own = flows.filter((f) => f.client === client?.address && f.port === client.externalPort);
      return [name, own.map(({ target }) => target).join(",")];
    });
    return Object.fromEntries(targets);
  }

  /** Makes a client start a new handshake at once, as its own timers do after 15 s without an answer. */
  async rekey(client: string): Promise<void> {
    await this.sh(
      client,
      "wg-quick strip wg0 >/run/wg0 && wg set wg0 peer $(wg show wg0 peers) remove && wg addconf wg0 /run/wg0",
    );
  }
}
