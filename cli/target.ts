/** Which cluster a command is about: a deployed stack, the running lab, or a registry folder. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import { ControlClient } from "../control/client";
import type { Request, Response } from "../control/protocol";
import { runFolder } from "../lab/enter";
import { RpcClient } from "../lab/rpc";
import { UsageError } from "./exit-codes";
import { asUserError } from "./failure";
import {
  announced,
  type Operator,
  processTerminal,
  type Target,
  type TargetOptions,
  type Terminal,
} from "./operator";

/** Adds the options that name a cluster. */
export function withTarget(command: Command): Command {
  return command
    .option("-s, --stack <name>", "a deployed stack; needs AWS credentials and the Pulumi CLI")
    .option("--lab", "the running lab")
    .option("--registry <dir>", "a registry folder on this machine");
}

/** The stacks of the project, by their files. */
function stacksOf(project: string): string[] {
  return readdirSync(project)
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .sort();
}

function missingTarget(project: string): UsageError {
  const stacks = stacksOf(project);
  const lab = existsSync(join(runFolder(project, "default"), "socket"))
    ? "it is running"
    : "none is running now";
  return new UsageError(
    `say which cluster: --stack NAME (${stacks.length === 0 ? "this project has none" : `this project has ${stacks.join(", ")}`}), ` +
      `--lab (${lab}) or --registry DIR`,
  );
}

/** Connects to the cluster that the options name. */
export async function connect(
  project: string,
  options: TargetOptions,
  terminal: Terminal = processTerminal,
): Promise<Target> {
  const given = [options.stack, options.lab === true ? "lab" : undefined, options.registry];
  const count = given.filter((each) => each !== undefined).length;
  if (count === 0) throw missingTarget(project);
  if (count > 1) throw new UsageError("give only one of --stack, --lab and --registry");
  if (options.registry !== undefined) return folderTarget(options.registry);
  if (options.stack === undefined) return labTarget(project);
  // Only here: the AWS clients take longer to load than everything else.
  const { stackClient } = await import("./target-stack.js");
  const control = stackClient(project, options.stack);
  return {
    label: `stack ${options.stack}`,
    control: await announced(terminal, `asking Pulumi about stack ${options.stack}`, control),
    close: () => undefined,
  };
}

async function folderTarget(folder: string): Promise<Target> {
  const root = resolve(folder);
  if (!existsSync(root)) throw new UserError(`--registry ${folder}: there is no such folder`);
  if (!statSync(root).isDirectory())
    throw new UserError(`--registry ${folder}: that is a file, not a registry's folder`);
  const { folderTransport } = await import("../control/transports/folder.js");
  return { label: root, control: new ControlClient(folderTransport(root)), close: () => undefined };
}

async function labTarget(project: string): Promise<Target> {
  const lab = await RpcClient.connect(join(runFolder(project, "default"), "socket")).catch(() => {
    throw new UserError("no lab is running; start one with: ./wgc lab up");
  });
  const { localUser } = await import("../control/transports/folder.js");
  const transport = (request: Request): Promise<Response> => lab.call<Response>("control", request);
  return {
    label: "the lab",
    control: new ControlClient(transport, { caller: localUser() }),
    close: () => lab.close(),
  };
}

/** The operator at this process's terminal. */
export function processOperator(project: string): Operator {
  return {
    terminal: processTerminal,
    connect: (options) => connect(project, options),
    now: () => new Date(),
    elapsed: () => performance.now(),
    sleep: (milliseconds) => new Promise((wake) => setTimeout(wake, milliseconds)),
    exit: (code) => {
      process.exitCode = code;
    },
  };
}

/** Connects, works, and lets go again, whatever happened; what the control function refuses becomes a message for people. */
export async function withControl<T>(
  operator: Operator,
  options: TargetOptions,
  work: (target: Target) => Promise<T>,
): Promise<T> {
  const connected = await operator.connect(options);
  try {
    return await work(connected);
  } catch (error) {
    throw asUserError(error);
  } finally {
    connected.close();
  }
}
