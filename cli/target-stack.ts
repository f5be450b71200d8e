/** The control function of a deployed stack: found by the stack's outputs, asked with the operator's AWS credentials. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { UserError } from "../config/errors";
import { ControlClient } from "../control/client";
import { callerArn } from "../control/transports/caller";
import { lambdaTransport } from "../control/transports/lambda";

/** What the command line needs from a stack. */
export interface StackFacts {
  readonly functionName: string;
  readonly region: string;
}

/** The way to the stack's control function. */
export async function stackClient(project: string, stack: string): Promise<ControlClient> {
  const { functionName, region } = await stackFacts(project, stack);
  return new ControlClient(lambdaTransport({ functionName, region }), {
    caller: await callerArn({ region }),
  });
}

/** The function's name and region, from the stack's outputs and configuration. */
export async function stackFacts(project: string, stack: string): Promise<StackFacts> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$/.test(stack))
    throw new UserError(
      `--stack ${JSON.stringify(stack)} is no stack's name (letters, digits, '.', '_', '-', '/')`,
    );
  const outputs = await stackOutputs(project, stack);
  const functionName = outputs["controlFunctionName"];
  if (typeof functionName !== "string" || functionName === "")
    throw new UserError(
      `stack ${stack} has no output controlFunctionName: it was deployed before there was one, or not at all; run: npx pulumi up --stack ${stack}`,
    );
  return { functionName, region: regionOf(project, stack) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function stackOutputs(project: string, stack: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await pulumi(project, ["stack", "output", "--json", "--stack", stack]);
  if (code !== 0) throw pulumiError(stack, stderr);
  const outputs = parsed(stdout);
  if (typeof outputs !== "object" || outputs === null)
    throw new UserError(`pulumi stack output --json did not print JSON for stack ${stack}`);
  return outputs as Record<string, unknown>;
}

/** What the Pulumi CLI says, as what to do about it. */
function pulumiError(stack: string, stderr: string): UserError {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  if (/no stack named|not found/i.test(stderr))
    return new UserError(`Pulumi knows no stack ${stack} here; those there are: npx pulumi stack ls`);
  if (/PULUMI_ACCESS_TOKEN|log ?in|not logged in|credentials/i.test(stderr))
    return new UserError(`Pulumi is not logged in here; run: npx pulumi login (it said: ${last})`);
  if (/passphrase/i.test(stderr))
    return new UserError(
      `stack ${stack} is encrypted with a passphrase; set PULUMI_CONFIG_PASSPHRASE (it said: ${last})`,
    );
  return new UserError(`pulumi stack output failed for stack ${stack}: ${last || "it gave no reason"}`);
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the Pulumi CLI: the one on the PATH, else the project's own, which npx would run. */
async function pulumi(project: string, args: readonly string[]): Promise<Ended> {
  for (const program of ["pulumi", join(project, "node_modules", ".bin", "pulumi")]) {
    const ended = await run(program, args, project);
    if (ended !== undefined) return ended;
  }
  throw new UserError(
    "the Pulumi CLI is not installed here, and a stack's outputs are read with it; run 'npm ci' in the checkout, or see https://www.pulumi.com/docs/install",
  );
}

function run(program: string, args: readonly string[], cwd: string): Promise<Ended | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["--non-interactive", ...args], {
      cwd,
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" || error.code === "EACCES" ? resolve(undefined) : reject(error),
    );
    child.once("close", (code) => resolve({ code: code ?? 128, stdout, stderr }));
  });
}

/**
 * The stack's region. The files are read here and not by plan/project.ts, which refuses encrypted values: a plan needs them, an
 * operator does not.
 */
function regionOf(project: string, stack: string): string {
  const short = stack.split("/").at(-1) ?? stack;
  for (const file of [`Pulumi.${short}.yaml`, "Pulumi.yaml"]) {
    const path = join(project, file);
    if (!existsSync(path)) continue;
    const settings = parse(readFileSync(path, "utf8")) as { config?: Record<string, unknown> } | null;
    const region = settings?.config?.["aws:region"];
    if (typeof region === "string") return region;
    const value = (region as { value?: unknown } | undefined)?.value;
    if (typeof value === "string") return value;
  }
  const fromEnvironment = process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
  if (fromEnvironment !== undefined) return fromEnvironment;
  throw new UserError(
    `stack ${stack} has no aws:region; run: npx pulumi config set aws:region REGION --stack ${short}`,
  );
}
