/** `wgc node`: taking a single server out of service and back in, in a lab or in a deployed stack. */
import { spawn } from "node:child_process";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import type { Finished } from "../lab/process";
import { agentCommand } from "../lab/server";
import { loadProject } from "../plan/project";
import { withLab } from "./lab-command";
import { print } from "./output";

type Verb = "drain" | "undrain";

interface Where {
  lab?: boolean;
  stack?: string;
}

/**
 * The AWS CLI's arguments that run a command on a server. It is a session, and not Run Command, because sessions are what
 * a server's role allows (components/server-role.ts):
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html
 */
export function sessionArguments(instance: string, region: string, verb: Verb): string[] {
  return [
    ...["ssm", "start-session", "--region", region, "--target", instance],
    ...["--document-name", "AWS-StartNonInteractiveCommand"],
    ...["--parameters", JSON.stringify({ command: [`sudo ${agentCommand(verb).join(" ")}`] })],
  ];
}

/** A command line as one would type it into a shell. */
export function shellLine(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

async function inLab(project: string, server: string, verb: Verb): Promise<void> {
  const command = agentCommand(verb);
  const result = await withLab(project, (lab) => lab.call<Finished>("exec", { machine: server, command }));
  if (result.code !== 0)
    throw new UserError(`${server}: ${result.stderr.trim().replace(/^wgc agent: /, "")}`);
  print(`${server}: ${result.stdout.trim()}`);
}

async function inStack(project: string, stack: string, server: string, verb: Verb): Promise<void> {
  if (!/^i-[0-9a-f]{8,17}$/.test(server)) {
    throw new UserError(
      `'${server}' is no instance id; name the server as AWS does, as in: i-0123456789abcdef0`,
    );
  }
  const region = loadProject(project, stack).config["aws:region"];
  if (!region) throw new UserError(`stack ${stack} has no aws:region; set it in Pulumi.${stack}.yaml`);
  const command = sessionArguments(server, region, verb);
  const code = await runAws(command);
  if (code === undefined) {
    throw new UserError(
      `the AWS CLI is not installed here; run this where it and its Session Manager plugin are:\n${shellLine(["aws", ...command])}`,
    );
  }
  if (code !== 0)
    throw new UserError(`the AWS CLI ended with code ${code}; it ran:\n${shellLine(["aws", ...command])}`);
}

/** Runs the AWS CLI with this terminal; resolves with its exit code, or undefined where it is not installed. */
function runAws(command: readonly string[]): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn("aws", command, { stdio: "inherit" });
    child.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ENOENT" ? resolve(undefined) : reject(error),
    );
    child.once("close", (code) => resolve(code ?? 128));
  });
}

/** Adds `wgc node` and its subcommands. */
export function addNodeCommand(program: Command, project: string): void {
  const node = program
    .command("node")
    .description("take a server out of service, or put it back in")
    .addHelpText("after", "\nExamples:\n  $ ./wgc node drain s1 --lab\n  $ ./wgc node undrain s1 --lab");
  const verbs: Record<Verb, string> = {
    drain: "the server fails its health checks from now on, so its clients move; it serves on meanwhile",
    undrain: "ends a drain that an operator began",
  };
  for (const verb of ["drain", "undrain"] as const) {
    node
      .command(`${verb} <server>`)
      .description(verbs[verb])
      .option("--lab", "a server of the running lab")
      .option("-s, --stack <name>", "a server of a deployed stack, by its instance id; needs the AWS CLI")
      .addHelpText(
        "after",
        `\nExamples:\n  $ ./wgc node ${verb} s1 --lab\n  $ ./wgc node ${verb} i-0123456789abcdef0 --stack prod`,
      )
      .action((server: string, { lab, stack }: Where) => {
        if ((lab === true) === (stack !== undefined))
          throw new UserError(`say where ${server} is: either --lab or --stack <name>`);
        return stack === undefined ? inLab(project, server, verb) : inStack(project, stack, server, verb);
      });
  }
}
