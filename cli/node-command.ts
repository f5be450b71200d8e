/** `wgc node`: taking a single server out of service and back in, in a lab or in a deployed stack. */
import type { Command } from "commander";
import { UserError } from "../config/errors";
import type { Finished } from "../lab/process";
import { agentCommand } from "../lab/server";
import type { LabStatus } from "../lab/status";
import { withLab } from "./lab-command";
import { print } from "./output";
import { runAws, sessionArguments, sessionPlace, shellLine } from "./session";

type Verb = "drain" | "undrain";

interface Where {
  lab?: boolean;
  stack?: string;
}

async function inLab(project: string, server: string, verb: Verb): Promise<void> {
  const command = agentCommand(verb);
  const result = await withLab(project, async (lab) => {
    const { servers } = await lab.call<LabStatus>("status");
    const names = servers.map(({ name }) => name);
    if (!names.includes(server))
      throw new UserError(`no server '${server}' in the lab; there are: ${names.join(", ")}`);
    return lab.call<Finished>("exec", { machine: server, command });
  });
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
  const command = sessionArguments(sessionPlace(project, stack), server, verb);
  const { code } = await runAws(command);
  if (code !== 0)
    throw new UserError(`the AWS CLI ended with code ${code}; it ran:\n${shellLine(["aws", ...command])}`);
}

/** Adds `wgc node` and its subcommands. */
export function addNodeCommand(program: Command, project: string): void {
  const node = program
    .command("node")
    .description("take a server out of service, or put it back in")
    .addHelpText("after", "\nExamples:\n  $ ./wgc node drain s1 --lab\n  $ ./wgc node undrain s1 --lab");
  const verbs: Record<Verb, string> = {
    drain:
      "the server fails its health checks (where one server serves: once the next one does), so its clients move; it serves on meanwhile",
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
