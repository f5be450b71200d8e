import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { UserError } from "../config/errors";
import type { Project } from "./project";
import type { Diagnostic, PlanMode } from "./types";

/** How the program's process ended. */
export interface ProgramEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that has not ended by then hangs; the largest plan here takes seconds. */
const TIME_LIMIT_MS = 120_000;
const OUTPUT_LIMIT = 1_000_000;

/** Runs the project's program, unmodified, through the runner of its own `@pulumi/pulumi`, against the engine at `address`. */
export function runProgram(project: Project, mode: PlanMode, address: string): Promise<ProgramEnd> {
  const runner = createRequire(join(project.dir, "index.js")).resolve("@pulumi/pulumi/cmd/run");
  const flags = {
    monitor: address,
    engine: address,
    project: project.name,
    stack: project.stack,
    organization: "organization",
  };
  const args = Object.entries({ ...flags, pwd: project.dir, "root-directory": project.dir, parallel: "16" });
  const child = spawn(
    process.execPath,
    [
      runner,
      ...args.flatMap(([name, value]) => [`--${name}`, value]),
      ...(mode === "preview" ? ["--dry-run"] : []),
      ".",
    ],
    {
      cwd: project.dir,
      env: environment(project),
      stdio: ["ignore", "pipe", "pipe"],
      timeout: TIME_LIMIT_MS,
      killSignal: "SIGKILL",
    },
  );
  return new Promise((resolve, reject) => {
    const text = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (chunk: string) => {
        if (text[stream].length < OUTPUT_LIMIT) text[stream] += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, ...text }));
  });
}

/**
 * The caller's environment without what could reach an account, or load this process's own TypeScript hooks into the program.
 * PULUMI_NODEJS_TSCONFIG_PATH stays: it is how an operator points Pulumi at another tsconfig.
 */
function environment(project: Project): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(AWS_|PULUMI_(?!NODEJS_TSCONFIG_PATH)|NODE_OPTIONS$|NODE_ENV$|JEST_)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PULUMI_NODEJS_TYPESCRIPT: "true",
    PULUMI_NODEJS_TRANSPILE_ONLY: "true",
    PULUMI_CONFIG: JSON.stringify(project.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(project.secretKeys),
  };
}

const UNHANDLED = /^Running program '[^']*' failed with an unhandled exception:\n/;
const FRAME = /^\s+at .*/m;

/**
 * The program's own failure, as the program put it: a config error's message is shown as it is, anything else with the place in
 * the program's own code where it happened. Stack traces go into `cause`, which the command line prints with --debug only.
 */
export function programFailure(
  project: Project,
  end: ProgramEnd,
  diagnostics: readonly Diagnostic[],
): UserError | undefined {
  const errors = [
    ...new Set(diagnostics.filter((entry) => entry.severity === "error").map((entry) => entry.message)),
  ];
  if (end.code === 0 && errors.length === 0) return undefined;
  const details = [...errors, end.stderr.trim()].filter((part) => part !== "").join("\n");
  const cause = new Error(details);
  cause.stack = details;
  if (end.signal !== null) {
    const limit = `${TIME_LIMIT_MS / 1000} s`;
    return new UserError(
      `the Pulumi program in ${project.dir} did not end (killed by ${end.signal}, limit ${limit}); what it printed last:\n${tail(end)}`,
      { cause },
    );
  }
  if (errors.length === 0) {
    return new UserError(
      `the Pulumi program in ${project.dir} ended with exit code ${end.code} and no error message; what it printed last:\n${tail(end)}`,
      { cause },
    );
  }
  return new UserError(errors.map((message) => explain(project, message)).join("\n"), { cause });
}

function explain(project: Project, message: string): string {
  if (!UNHANDLED.test(message)) return message.trim();
  const thrown = message.replace(UNHANDLED, "").trim();
  const frame = FRAME.exec(thrown);
  const said = (frame ? thrown.slice(0, frame.index) : thrown).trim();
  const userError = /^UserError(?: \[[^\]]*\])?: /.exec(said);
  if (userError) return said.slice(userError[0].length);
  const missing = /Missing required property '(\w+)'/.exec(said);
  const place = ownFrame(project, thrown);
  if (missing) return `${createdType(thrown)}${place}: missing required input "${missing[1]}"`;
  return `the Pulumi program failed${place}: ${said.replace(/^Error: /, "")}`;
}

/** The innermost stack frame that is the project's own code, such as ` at components/endpoint.ts:57`. */
function ownFrame(project: Project, trace: string): string {
  for (const [, file = "", line = ""] of trace.matchAll(/\(?((?:file:\/\/)?\/[^\s():]+):(\d+):\d+\)?/g)) {
    const path = relative(project.dir, file.replace(/^file:\/\//, ""));
    if (!path.startsWith("..") && !path.includes("node_modules")) return ` at ${path}:${line}`;
  }
  return "";
}

/** The type whose constructor threw, from the SDK's frame: `at new TargetGroup (…/@pulumi/aws/lb/targetGroup.ts:…)`. */
function createdType(trace: string): string {
  const frame = /at new (\w+) \(.*@pulumi\/(\w+)\/([^:)]+)\.[jt]s/.exec(trace);
  return frame ? `${frame[2]}:${frame[3]?.replace(/^lib\//, "")}:${frame[1]}` : "a resource";
}

function tail(end: ProgramEnd): string {
  const lines = `${end.stdout}\n${end.stderr}`.trim().split("\n").slice(-5).join("\n");
  return lines === "" ? "(nothing)" : lines;
}
