/** `wgc completion`: a script that makes a shell complete wgc's commands. */
import { Argument, type Command } from "commander";
import { completionScript, SHELLS, type Shell } from "./completion";
import type { Terminal } from "./operator";

/** Adds `wgc completion`; it knows the commands that are there when it is called. */
export function addCompletionCommand(program: Command, terminal: Terminal): void {
  program
    .command("completion")
    .description("print a script that completes commands and options in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText(
      "after",
      "\nExamples:\n  $ source <(./wgc completion bash)\n  $ ./wgc completion bash > ~/.local/share/bash-completion/completions/wgc\n  $ ./wgc completion zsh > ~/.zfunc/_wgc\n  $ ./wgc completion fish > ~/.config/fish/completions/wgc.fish",
    )
    .action((shell: Shell) => terminal.out(completionScript(shell, program)));
}
