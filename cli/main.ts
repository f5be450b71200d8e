/** The command line of wgc: runs what was asked for, and reports errors. */
import { join } from "node:path";
import { CommanderError } from "commander";
import pc from "picocolors";
import { UserError } from "../config/errors";
import { endureBrokenOutput } from "./broken-output";
import { EXIT } from "./exit-codes";
import { buildProgram } from "./program";

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
    await buildProgram(join(__dirname, "..")).parseAsync(args);
  } catch (error) {
    process.exitCode = report(error, debug);
  }
}

void main();
