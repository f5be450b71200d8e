import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
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
/**
 * Loaded before the runner: the program ends with whoever planned, also where that one is killed. Without an engine to talk to it would
 * try for ever, and take all memory.
 */
const WITH_PARENT =
  'data:text/javascript,process.once("disconnect", () => process.exit(1)); process.channel.unref()';

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
      "--import",
      WITH_PARENT,
      runner,
      ...args.flatMap(([name, value]) => [`--${name}`, value]),
      ...(mode === "preview" ? ["--dry-run"] : []),
      ".",
    ],
    {
      cwd: project.dir,
      env: environment(project),
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      timeout: TIME_LIMIT_MS,
      killSignal: "SIGKILL",
    },
  );
  return new Promise((resolve, reject) => {
    const text = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream]?.setEncoding("utf8").on("data", (chunk: string) => {
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
  const place = ownFrame(project, thrown);
  const at = place === undefined ? "" : ` at ${place.file}:${place.line}`;
  const missing = /Missing required property '(\w+)'/.exec(said);
  if (missing)
    return `${createdResource(project, thrown, place)}${at}: missing required input "${missing[1]}"`;
  return `the Pulumi program failed${at}: ${said.replace(/^Error: /, "")}`;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** The innermost stack frame that is the project's own code. */
function ownFrame(project: Project, trace: string): Place | undefined {
  for (const [, path = "", line = ""] of trace.matchAll(/\(?((?:file:\/\/)?\/[^\s():]+):(\d+):\d+\)?/g)) {
    const file = relative(project.dir, path.replace(/^file:\/\//, ""));
    if (!file.startsWith("..") && !file.includes("node_modules")) return { file, line: Number(line) };
  }
  return undefined;
}

/** Lines that a formatter may put between `new X(` and the resource's name. */
const NAME_WITHIN_LINES = 3;

/**
 * The resource whose constructor in the SDK threw: its class from the SDK's own frame (`at new Subnet (…/ec2/subnet.ts:…)`), its
 * name from the program's source, because the SDK's message has neither.
 */
function createdResource(project: Project, trace: string, place: Place | undefined): string {
  const [, className = "a resource", module = ""] =
    /at new (\w+) \(.*\/([^/]+)\/[^/]+\.[jt]s:/.exec(trace) ?? [];
  const type = module === "" ? className : `${module}.${className}`;
  if (place === undefined) return type;
  const lines = readFileSync(join(project.dir, place.file), "utf8").split("\n");
  const source = lines.slice(place.line - 1, place.line - 1 + NAME_WITHIN_LINES).join(" ");
  const name = new RegExp(`new [\\w.]*${className}\\(\\s*(["\`'][^"\`']*["\`'])`).exec(source)?.[1];
  return name === undefined ? type : `${type} ${name}`;
}

function tail(end: ProgramEnd): string {
  const lines = `${end.stdout}\n${end.stderr}`.trim().split("\n").slice(-5).join("\n");
  return lines === "" ? "(nothing)" : lines;
}
