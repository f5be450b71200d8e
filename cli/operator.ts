/** What commands that operate a cluster work with: a terminal, a way to the control function, and the time. Tests bring their own. */
import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import type { Results } from "../control/answers";
import type { Input, Operation } from "../control/protocol";
import { UsageError } from "./exit-codes";

/** What an operation answered, and the registry's revision after it. */
export interface Answer<O extends Operation> {
  readonly revision: number;
  readonly result: Results[O];
}

/** Asks the control function, wherever it runs. */
export interface Control {
  call<O extends Operation>(
    operation: O,
    input: Input<O>,
    options?: { requestKey?: string },
  ): Promise<Answer<O>>;
}

/** A cluster that is operated. */
export interface Target {
  readonly control: Control;
  /** How it is called in a sentence: `stack dev`, `the lab`, `/srv/registry`. */
  readonly label: string;
  close(): void;
}

/** Which cluster: exactly one of them. */
export interface TargetOptions {
  readonly stack?: string;
  readonly lab?: boolean;
  readonly registry?: string;
}

/** Where results go and where questions are asked. */
export interface Terminal {
  /** Standard output: results only. */
  out(text: string): void;
  /** The same, settled when it has been taken; fails where it cannot be written. For what exists nowhere else. */
  written(text: string): Promise<void>;
  /** Standard error: progress, warnings, questions. */
  err(text: string): void;
  /** Whether somebody is there to be asked. */
  readonly interactive: boolean;
  /** The width of standard output, where that is a terminal. */
  readonly columns: number | undefined;
  /** Whether standard output takes colours. */
  readonly colours: boolean;
  ask(question: string): Promise<string>;
}

/** Everything a command needs from outside. */
export interface Operator {
  readonly terminal: Terminal;
  connect(options: TargetOptions): Promise<Target>;
  now(): Date;
  /** Milliseconds on a clock that nobody sets. */
  elapsed(): number;
  sleep(milliseconds: number): Promise<void>;
  /** Sets what the process ends with. */
  exit(code: number): void;
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  written: (text) =>
    new Promise((resolve, reject) => {
      process.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    }),
  err: (text) => void process.stderr.write(text),
  get interactive() {
    return process.stdin.isTTY === true && process.stderr.isTTY === true;
  },
  get columns() {
    return process.stdout.isTTY === true ? process.stdout.columns : undefined;
  },
  get colours() {
    return process.stdout.isTTY === true && pc.isColorSupported;
  },
  async ask(question) {
    const asked = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await asked.question(question);
    } finally {
      asked.close();
    }
  },
};

/** A wait that is longer is announced, so that nobody thinks the command hangs. */
const PATIENCE_MS = 2000;

/** Waits for an answer; says what it waits for when that takes more than two seconds. */
export async function announced<T>(terminal: Terminal, what: string, answer: Promise<T>): Promise<T> {
  const timer = setTimeout(() => terminal.err(`${pc.dim("wgc:")} ${what} ...\n`), PATIENCE_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Has a person confirm what cannot be taken back easily. Where nobody can be asked, only `--yes` will do.
 *
 * @returns whether to go on.
 */
export async function confirmed(
  terminal: Terminal,
  yes: boolean | undefined,
  question: string,
): Promise<boolean> {
  if (yes === true) return true;
  if (!terminal.interactive)
    throw new UsageError("nobody can be asked here (this is no terminal); add --yes if you are sure");
  const answer = await terminal.ask(`${question} [y/N] `);
  if (/^y(es)?$/i.test(answer.trim())) return true;
  terminal.err("nothing was changed\n");
  return false;
}
