/** The tree of commands. Each command lives in its own file; this one only puts them together. */
import { Command } from "commander";
import { addBenchCommand } from "./bench-command";
import { addClientCommand } from "./client-command";
import { addCompletionCommand } from "./completion-command";
import { addCostCommand } from "./cost-command";
import { addDemoCommand } from "./demo-command";
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

/** All commands, which work on the checkout in that folder. */
export function buildProgram(project: string): Command {
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
