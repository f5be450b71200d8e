/**
 * The process that runs a lab, inside the lab's own namespaces: `daemon.ts RUN_DIR`. It answers the control protocol on
 * RUN_DIR/socket and ends when its standard input is closed; everything in the lab ends with it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { z } from "zod";
import { UserError } from "../config/errors";
import type { Plan } from "../plan";
import { RegistryError, remedyOf } from "../registry/errors";
import { controlGroup } from "./boot/control-group";
import { readBootModel } from "./boot/model";
import { faultSchema } from "./faults";
import { Lab } from "./lab";
import { readModel } from "./model";
import { NAT_KINDS, type NatKind } from "./nat";
import { patient } from "./patience";
import { run } from "./process";
import { RpcServer } from "./rpc";
import type { LabEvent } from "./status";
import type { Answer } from "./traffic";

/** What the daemon is started with: RUN_DIR/options.json, beside RUN_DIR/plan.json. */
export const daemonOptionsSchema = z.strictObject({
  project: z.string(),
  /** Folder with unpacked system packages, when they are not installed. */
  tools: z.string().optional(),
  replaceUnhealthy: z.boolean(),
  /** What booted servers need (boot/image.ts); without it no server boots an operating system of its own. */
  boot: z.strictObject({ tree: z.string(), moto: z.string() }).optional(),
  /** Whether the lab outlives the process that started it; otherwise it ends when its standard input closes. */
  detached: z.boolean(),
});

export type DaemonOptions = z.infer<typeof daemonOptionsSchema>;

const LAB = "/run/lab";
const STATUS_INTERVAL_MS = 250;
const HEALTHY_LIMIT_MS = patient(60_000);

const named = z.object({ name: z.string().min(1) });
const execParams = z.object({ machine: z.string(), command: z.array(z.string()).min(1) });
const joinParams = named.extend({ nat: z.enum(Object.keys(NAT_KINDS) as [NatKind]).default("strict") });
/** The first time at or after `since` (lab clock) that the load balancer moved the client; waits up to `limit` ms. */
const rerouteParams = named.extend({ since: z.number().default(0), limit: z.number().default(0) });
const gapParams = z.object({ name: z.string(), from: z.number(), to: z.number().optional() });
const windowParams = z.object({ name: z.string(), from: z.number(), to: z.number() });
const paceParams = named.extend({ interval: z.int().min(0) });
const settledParams = named.extend({ since: z.number(), limit: z.number() });
const limitParams = named.extend({ limit: z.number() });
const roamParams = named.extend({ to: z.string().optional() });
/** The next answer, to a request that left at or after `sentSince` (lab clock), and through another server than `notVia`. */
const waitParams = named.extend({
  limit: z.number(),
  notVia: z.string().optional(),
  sentSince: z.number().default(0),
});

/** Prepares the lab's folders; returns where the programs of lab machines were bundled to. */
async function prepareFolders(project: string): Promise<{ echoProgram: string; talkProgram: string }> {
  // Host programs look into /run; the lab's own is empty, so nothing of the host's shows and nothing of the lab's stays.
  await run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"]);
  await run(["mkdir", "-p", LAB]);
  const guest = join(project, "lab/guest");
  buildSync({
    entryPoints: [join(guest, "echo.ts"), join(guest, "talk.ts")],
    bundle: true,
    platform: "node",
    outdir: LAB,
    logLevel: "silent",
  });
  return { echoProgram: join(LAB, "echo.js"), talkProgram: join(LAB, "talk.js") };
}

/** Starts the lab of a run folder and serves it until standard input closes. */
async function main(runDir: string): Promise<void> {
  const options = daemonOptionsSchema.parse(JSON.parse(readFileSync(join(runDir, "options.json"), "utf8")));
  const plan = JSON.parse(readFileSync(join(runDir, "plan.json"), "utf8")) as Plan;
  const model = readModel(plan);
  const programs = await prepareFolders(options.project);
  const site = {
    lab: LAB,
    guest: join(options.project, "lab/guest"),
    node: process.execPath,
    ...(options.tools ? { tools: options.tools } : {}),
  };
  const tell = (event: LabEvent): void => server.publish("log", event);
  const { replaceUnhealthy } = options;
  const image = options.boot && { ...options.boot, cgroup: controlGroup(runDir) };
  const boot = image && { model: readBootModel(plan), image };
  const lab = await Lab.create(
    model,
    site,
    { replaceUnhealthy, ...programs, ...(boot ? { boot } : {}) },
    tell,
  );
  const server = new RpcServer((method, params) =>
    method === "down" ? down(end) : answer(lab, method, params).catch(explain),
  );
  await server.listen(join(runDir, "socket"));
  process.stdout.write("ready\n");
  const publishing = setInterval(() => {
    void lab.status().then((status) => server.publish("status", status));
  }, STATUS_INTERVAL_MS);
  const end = (): void => {
    clearInterval(publishing);
    lab.close();
    process.exit(0);
  };
  if (!options.detached) process.stdin.resume().on("end", end);
}

/** Ends the lab after the answer to this request has left. */
async function down(end: () => void): Promise<null> {
  setTimeout(end, 50);
  return null;
}

/** Trouble with the registry is for the operator to see to, not a fault of the lab. */
function explain(error: unknown): never {
  throw error instanceof RegistryError ? new UserError(remedyOf(error), { cause: error }) : error;
}

async function answer(lab: Lab, method: string, params: unknown): Promise<unknown> {
  switch (method) {
    case "up":
      return lab.up();
    case "healthy":
      return lab.whenHealthy(HEALTHY_LIMIT_MS);
    case "status":
      return lab.status();
    case "fault":
      return lab.trouble.make(faultSchema.parse(params));
    case "join": {
      const { name, nat } = joinParams.parse(params);
      return lab.members.join(name, nat);
    }
    case "roam": {
      const { name, to } = roamParams.parse(params);
      return lab.roam(name, to);
    }
    case "pace": {
      const { name, interval } = paceParams.parse(params);
      return lab.client(name).pace(interval);
    }
    case "traffic": {
      const { name, from, to } = windowParams.parse(params);
      return lab.client(name).traffic.window(from, to);
    }
    case "connections.open":
      return lab.connections.open(lab.client(named.parse(params).name));
    case "connections.use": {
      const { name, limit } = limitParams.parse(params);
      return lab.connections.useIdle(lab.client(name), limit);
    }
    case "connections.settled": {
      const { name, since, limit } = settledParams.parse(params);
      return lab.connections.settled(lab.client(name), since, limit);
    }
    case "connections.report": {
      const { name, from, to } = windowParams.parse(params);
      return lab.connections.report(lab.client(name), from, to);
    }
    case "connections.close":
      return lab.connections.close(lab.client(named.parse(params).name));
    case "reroute": {
      const { name, since, limit } = rerouteParams.parse(params);
      return (await lab.client(name).reroutes.first(since, limit)) ?? null;
    }
    case "control":
      return lab.administer(params);
    case "revoke":
      return lab.members.revoke(named.parse(params).name);
    case "exec": {
      const { machine, command } = execParams.parse(params);
      return lab.machine(machine).attempt(command, { timeout: 600_000 });
    }
    case "awsCalls":
      return lab.awsCalls;
    case "lifecycleCalls":
      return lab.lifecycleCalls;
    case "now":
      return performance.now();
    case "gap": {
      const { name, from, to } = gapParams.parse(params);
      return lab.client(name).traffic.longestGap(from, to ?? performance.now());
    }
    case "nextAnswer": {
      const { name, limit, notVia, sentSince } = waitParams.parse(params);
      const fits = ({ via, at, rtt }: Answer): boolean => via !== notVia && at - rtt >= sentSince;
      return (await lab.client(name).traffic.next(fits, limit)) ?? null;
    }
    default:
      throw new UserError(
        `the lab knows no method '${method}'; is it from another version of wgc? stop it with: ./wgc lab down`,
      );
  }
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  // The one who started the lab reads this from standard output and reports it.
  const known = error instanceof Error ? error : new Error(String(error));
  writeFileSync(
    1,
    `${JSON.stringify({ error: known.message, user: known instanceof UserError, stack: known.stack })}\n`,
  );
  process.exit(1);
});
