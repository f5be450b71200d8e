import { join } from "node:path";
import type { Command } from "commander";
import { buildProgram } from "../../cli/program";

const program = buildProgram(join(__dirname, "../.."));

/** All commands that there are, by the words after `./wgc`; the first is the program itself. */
export function allCommands(command: Command = program, path = ""): string[] {
  const inner = command.commands.flatMap((each) => allCommands(each, `${path} ${each.name()}`.trim()));
  return [path, ...inner];
}

/** What `./wgc COMMAND --help` prints; undefined when there is no such command. */
export function helpOf(path: string): string | undefined {
  let command: Command | undefined = program;
  for (const word of path.split(" ").filter(Boolean))
    command = command?.commands.find((each) => each.name() === word);
  if (command === undefined) return undefined;
  let text = "";
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 200,
  });
  command.outputHelp();
  return text;
}
