import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { addClientCommand } from "../../cli/client-command";
import type { Control, Operator } from "../../cli/operator";
import { addRegistryCommand } from "../../cli/registry-command";
import { addServerKeyCommand } from "../../cli/server-key-command";
import { addStatusCommand } from "../../cli/status-command";
import { UserError } from "../../config/errors";
import { ControlClient } from "../../control/client";
import { folderTransport } from "../../control/transports/folder";
import { initRegistry } from "../../registry/init";
import { registryPaths } from "../../registry/layout";

/** What a command printed and ended with. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** An operator's desk: commands run in this process, on a real registry folder, in a folder of their own; time stands still. */
export class Desk {
  /** Where the commands write their files. */
  readonly folder = mkdtempSync(join(tmpdir(), "wgc-desk-"));
  readonly root = join(this.folder, "registry");
  now = new Date("2026-11-21T12:00:00Z");
  interactive = false;
  columns: number | undefined;
  colours = false;
  /** Why standard output takes nothing, if so. */
  outputFails: Error | undefined;
  /** What is answered to questions, in order. */
  answers: string[] = [];
  readonly questions: string[] = [];
  /** What stands between the commands and the registry; tests put something else here. */
  control: Control = new ControlClient(folderTransport(this.root, { now: () => this.now }));
  /** Called each time a command waits; time goes on by as much. */
  onSleep: () => void = () => undefined;
  private clock = 0;

  constructor() {
    mkdirSync(this.root);
  }

  /** A registry that somebody has set up. */
  async open(): Promise<this> {
    await initRegistry(this.root, {
      schema: 1,
      cluster: "wgc-test",
      endpoint: "vpn.example.com:51820",
      tunnelIpv4: "10.100.0.0/16",
      dns: ["10.0.0.2"],
      routes: ["10.0.0.0/16"],
      mtu: 1420,
      persistentKeepalive: 25,
    });
    return this;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  file(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.file(name), "utf8");
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  /** A client's file in the registry. */
  stored(name: string): Record<string, unknown> {
    return JSON.parse(readFileSync(registryPaths(this.root).client(name), "utf8"));
  }

  /** Runs a command line; `FILE:x` stands for the path of x in this desk's folder. */
  async run(...args: string[]): Promise<Ran> {
    let [out, err, code] = ["", "", 0];
    const operator: Operator = {
      terminal: {
        out: (text) => {
          out += text;
        },
        written: async (text) => {
          if (this.outputFails !== undefined) throw this.outputFails;
          out += text;
        },
        err: (text) => {
          err += text;
        },
        interactive: this.interactive,
        columns: this.columns,
        colours: this.colours,
        ask: async (question) => {
          this.questions.push(question);
          return this.answers.shift() ?? "";
        },
      },
      connect: async () => ({ label: "the test", control: this.control, close: () => undefined }),
      now: () => this.now,
      elapsed: () => this.clock,
      sleep: async (milliseconds) => {
        this.clock += milliseconds;
        this.onSleep();
      },
      exit: (ended) => {
        code = ended;
      },
    };
    const program = new Command("wgc").configureOutput({ writeErr: operator.terminal.err });
    for (const add of [addClientCommand, addStatusCommand, addRegistryCommand, addServerKeyCommand])
      add(program, operator);
    throwing(program);
    const words = args.map((word) => word.replace(/^FILE:/, `${this.folder}/`));
    try {
      await program.parseAsync(words, { from: "user" });
    } catch (error) {
      if (error instanceof CommanderError) code = 2;
      else if (error instanceof UserError) {
        code = error.exitCode;
        err += `${error.message}\n`;
      } else throw error;
    }
    return { code, out, err };
  }

  /** The same, for commands that have to succeed and print JSON. */
  async json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    const { code, out, err } = await this.run(...args, "--json");
    if (code !== 0) throw new Error(`ended with ${code}: ${err}`);
    return JSON.parse(out) as T;
  }
}

function throwing(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) throwing(each);
}

/** The keys of a document and of the documents in it: what `--json` promises. */
export function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shape);
  if (typeof value !== "object" || value === null) return value === null ? null : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shape(part)]));
}
