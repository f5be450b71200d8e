import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../../config/errors";

/** A started policy pack: where its analyzer listens, and how to end it. */
export interface PackProcess {
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** ts-node compiles and checks the pack first: three seconds, and half a minute on a very busy machine. */
const START_LIMIT_MS = 120_000;
const OUTPUT_LIMIT = 100_000;

/**
 * Starts a policy pack the way the Pulumi CLI does (sdk/go/common/resource/plugin/analyzer_plugin.go): `run-policy-pack` of the
 * pack's own `@pulumi/pulumi`, in the pack's folder, with the engine's address and `.`; the analyzer prints its port on a line.
 */
export async function startPack(
  folder: string,
  stack: string,
  project: string,
  dryRun: boolean,
): Promise<PackProcess> {
  const runner = runnerOf(folder);
  // The analyzer never calls the engine; an address that nobody listens at shows that.
  const child = spawn(process.execPath, [runner, "127.0.0.1:1", "."], {
    cwd: folder,
    env: environment(stack, project, dryRun),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      if (said.join("").length < OUTPUT_LIMIT) said.push(chunk);
    });
  const stop = () => end(child);
  try {
    return { address: `127.0.0.1:${await portOf(child)}`, stop };
  } catch (error) {
    await stop();
    const details = said.join("").trim();
    throw new UserError(
      `the policy pack in ${folder} did not start: ${error instanceof Error ? error.message : error}\n${details}`,
      { cause: error },
    );
  }
}

function runnerOf(folder: string): string {
  try {
    return createRequire(join(folder, "index.js")).resolve("@pulumi/pulumi/cmd/run-policy-pack");
  } catch (error) {
    throw new UserError(
      `the policy pack in ${folder} has no @pulumi/pulumi; install its packages: npm install --prefix ${folder}`,
      { cause: error },
    );
  }
}

/** What the CLI sets for packs in Node.js, without what could reach an account or load this process's own TypeScript hooks. */
function environment(stack: string, project: string, dryRun: boolean): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|PULUMI_|NODE_OPTIONS$|NODE_ENV$|JEST_)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PULUMI_NODEJS_ORGANIZATION: "organization",
    PULUMI_NODEJS_PROJECT: project,
    PULUMI_NODEJS_STACK: stack,
    PULUMI_NODEJS_DRY_RUN: String(dryRun),
  };
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`no answer in ${START_LIMIT_MS / 1000} s`)),
      START_LIMIT_MS,
    );
    const settle = (act: () => void): void => {
      clearTimeout(late);
      act();
    };
    child.once("error", (error) => settle(() => reject(error)));
    child.once("close", (code) => settle(() => reject(new Error(`it ended with code ${code}`))));
    if (child.stdout === null) return settle(() => reject(new Error("it has no output")));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (/^\d+$/.test(line.trim())) settle(() => resolve(Number(line)));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = once(child, "close");
  child.kill("SIGKILL"); // nothing to save; the CLI kills its plugins too
  await gone;
}
