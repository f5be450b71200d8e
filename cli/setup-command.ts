/** `wgc setup`: gets the system packages that labs and tests need. */
import type { Command } from "commander";
import { say } from "./output";
import { ensurePrograms } from "./system-packages";

export function addSetupCommand(program: Command, project: string): void {
  program
    .command("setup")
    .description(
      "install the system packages that labs and tests need (WireGuard tools, nftables, conntrack ...)",
    )
    .option("-y, --yes", "install without asking")
    .addHelpText("after", "\nExamples:\n  $ ./wgc setup\n  $ sudo ./wgc setup --yes")
    .action(async (options: { yes?: boolean }) => {
      const tools = await ensurePrograms({ project, yes: options.yes === true, optional: true });
      say(tools ? "everything is there; unpacked packages are in .wgc/tools" : "everything is there");
    });
}
