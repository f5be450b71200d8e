/** Sessions on a stack's servers, by way of the AWS CLI and its Session Manager plugin. */
import { spawn } from "node:child_process";
import { UserError } from "../config/errors";
import { loadSettings } from "../config/load";
import { agentCommand } from "../lab/server";
import { loadProject } from "../plan/project";

/** A fixed command that operators run on servers. */
export type ServerCommand = "health" | "drain" | "undrain";

/** What is needed of a stack to begin a session on one of its servers. */
export interface SessionPlace {
  readonly region: string;
  /** Name of the cluster whose session documents are used; undefined where the stack has no operators' role and hence none. */
  readonly documents: string | undefined;
  readonly healthPort: number;
}

/** Reads a stack's settings. */
export function sessionPlace(project: string, stack: string): SessionPlace {
  const { config } = loadProject(project, stack);
  const { settings } = loadSettings({ stack, values: config });
  const { region, healthPort, operatorPrincipals, clusterName } = settings;
  return { region, healthPort, documents: operatorPrincipals.length === 0 ? undefined : clusterName };
}

/**
 * The AWS CLI's arguments that run a command on a server. It is a session, and not Run Command, because sessions are what
 * a server's role allows (components/server-role.ts):
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
 */
export function sessionArguments(place: SessionPlace, instance: string, command: ServerCommand): string[] {
  const session = ["ssm", "start-session", "--region", place.region, "--target", instance];
  // The same names as in components/session-documents.ts: the operators' role may use these and no others.
  if (place.documents !== undefined) return [...session, "--document-name", `${command}-${place.documents}`];
  const line =
    command === "health"
      ? `curl --silent --show-error --max-time 10 http://127.0.0.1:${place.healthPort}/healthz`
      : `sudo ${agentCommand(command).join(" ")}`;
  return [
    ...session,
    ...["--document-name", "AWS-StartNonInteractiveCommand"],
    ...["--parameters", JSON.stringify({ command: [line] })],
  ];
}

/** A command line as one would type it into a shell. */
export function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

/** How the AWS CLI ended; `output` only where it was caught. */
export interface AwsRun {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs the AWS CLI with this terminal, or catches what it prints.
 *
 * @throws UserError where it is not installed, with the command to run elsewhere.
 */
export function runAws(args: readonly string[], catches = false): Promise<AwsRun> {
  return new Promise((resolve, reject) => {
    const child = spawn("aws", args, { stdio: catches ? ["ignore", "pipe", "pipe"] : "inherit" });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    child.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "ENOENT" ? missing(args) : error),
    );
    child.once("close", (code) => resolve({ code: code ?? 128, output }));
  });
}

function missing(args: readonly string[]): UserError {
  return new UserError(
    `the AWS CLI is not installed here; run this where it and its Session Manager plugin are:\n${shellLine(["aws", ...args])}`,
  );
}
