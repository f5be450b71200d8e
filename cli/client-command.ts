/** `wgc client`: who may connect, and with what. */
import type { Command } from "commander";
import { addKeyCommands } from "./client-add";
import { addChangeCommands } from "./client-change";
import { addConfigCommands } from "./client-config";
import { addImportCommand } from "./client-import";
import { addListCommands } from "./client-list";
import type { Operator } from "./operator";

/** Adds `wgc client` and its subcommands. */
export function addClientCommand(program: Command, operator: Operator): void {
  const client = program
    .command("client")
    .description("add, list, change and revoke the cluster's clients")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc client add alice --stack prod\n  $ ./wgc client list --stack prod\n  $ ./wgc client revoke alice --stack prod --wait",
    );
  addKeyCommands(client, operator);
  addListCommands(client, operator);
  addConfigCommands(client, operator);
  addChangeCommands(client, operator);
  addImportCommand(client, operator);
}
