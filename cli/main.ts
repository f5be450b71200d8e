/** The command line of wgc. Each command lives in its own file; this one only puts them together and reports errors. */
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import pc from "picocolors";
import { UserError } from "../config/errors";
import { addBenchCommand } from "./bench-command";
import { endureBrokenOutput } from "./broken-output";
import { addClientCommand } from "./client-command";
import { addCompletionCommand } from "./completion-command";
import { addCostCommand } from "./cost-command";
import { addDemoCommand } from "./demo-command";
import { EXIT } from "./exit-codes";
import { addLabCommand } from "./lab-command";
import { addNodeCommand } from "./node-command";
import { addPlanCommand } from "./plan-command";
import { addRegistryCommand } from "./registry-command";
import { addServerKeyCommand } from "./server-key-command";
import { addSetupCommand } from "./setup-command";
import { addSoakCommand } from "./soak-command";
import { addStatusCommand } from "./status-command";
import { processOperator } from "./target";
import { addTestCommand } from "./test-command";
import { addVerifyCommand } from "./verify-command";

const project = join(__dirname, "..");

function build(): Command {
  const program = new Command("wgc");
  const operator = processOperator(project);
  program
    .description(
      "A highly available WireGuard cluster on AWS, and a lab that runs all of it on one Linux machine",
    )
    .option("--debug", "show stack traces of errors")
    .showSuggestionAfterError()
    .showHelpAfterError("(see: ./wgc --help)")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc demo\n  $ ./wgc plan --stack prod\n  $ ./wgc lab up\n  $ ./wgc client add alice --stack prod\n  $ ./wgc test",
    );
  addDemoCommand(program, project);
  addPlanCommand(program);
  addCostCommand(program, project);
  addLabCommand(program, project);
  addClientCommand(program, operator);
  addStatusCommand(program, operator);
  addServerKeyCommand(program, operator);
  addRegistryCommand(program, operator);
  addNodeCommand(program, project);
  addVerifyCommand(program, project, operator);
  addBenchCommand(program, project);
  addSoakCommand(program, project);
  addTestCommand(program, project);
  addSetupCommand(program, project);
  addCompletionCommand(program, operator.terminal);
  program.enablePositionalOptions(); // what follows `lab exec MACHINE` belongs to the program that runs there
  throwInsteadOfExit(program);
  return program;
}

/** Commander's own errors come back as exceptions, from subcommands as well: one place decides what the process ends with. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) throwInsteadOfExit(each);
}

function report(error: unknown, debug: boolean): number {
  // Commander has printed it; help and version come this way too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const known = error instanceof Error ? error : new Error(String(error));
  const kind = known instanceof UserError ? "" : " (unexpected)";
  process.stderr.write(`${pc.red(`wgc: error${kind}:`)} ${known.message}\n`);
  if (debug) process.stderr.write(`${known.stack}\n`);
  else if (kind) process.stderr.write(`${pc.dim("wgc: add --debug to see where this comes from")}\n`);
  return known instanceof UserError ? known.exitCode : 1;
}

/** Takes `--debug` out of the arguments, wherever it stands before a program that runs in the lab or in the virtual machine. */
function takeDebug(args: readonly string[]): { args: string[]; debug: boolean } {
  const first = args.findIndex((argument) => argument === "exec" || argument === "vm");
  const own = first >= 0 ? first : args.length;
  const kept = args.filter((argument, index) => argument !== "--debug" || index >= own);
  return { args: kept, debug: kept.length < args.length };
}

async function main(): Promise<void> {
  endureBrokenOutput();
  const { args, debug } = takeDebug(process.argv);
  try {
    await build().parseAsync(args);
  } catch (error) {
    process.exitCode = report(error, debug);
  }
}

void main();
