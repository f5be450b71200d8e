/** Where a client's configuration goes: files that only their owner reads, standard output, QR codes. */
import type { Command } from "commander";
import { UserError } from "../config/errors";
import type { ConfigView } from "../control/answers";
import { renderClientConfig } from "../wireguard/config";
import { FORMATS, type FormatName, type Profile } from "../wireguard/formats";
import { qrColumns, qrPng, qrSvg, qrTerminal } from "../wireguard/formats/qr";
import { PrivateFile } from "./client-files";
import { formatOption } from "./client-options";
import { UsageError } from "./exit-codes";
import type { Operator } from "./operator";

/** What QR codes of usual configurations fit into; asked for before anything is changed. */
const USUAL_COLUMNS = 80;

/** How a configuration is wanted. */
export interface OutputOptions {
  readonly out?: string;
  readonly format: FormatName;
  readonly force?: boolean;
  readonly qr?: boolean;
  readonly png?: string;
  readonly svg?: string;
  readonly json?: boolean;
}

/** Adds the options that say where a configuration goes. */
export function withOutputs(command: Command, defaultFile: string): Command {
  return command
    .option(
      "-o, --out <file>",
      `write the configuration there, '-' for standard output (default: ${defaultFile})`,
    )
    .addOption(formatOption())
    .option("--qr", "show it as a QR code for the mobile apps, and write no file")
    .option("--png <file>", "draw the QR code into a PNG file")
    .option("--svg <file>", "draw the QR code into an SVG file")
    .option("-f, --force", "replace files that exist");
}

/** What was written. */
export interface Delivered {
  /** Paths as the operator wrote them. */
  readonly files: readonly string[];
  /** The configuration itself, where standard output was asked for. */
  readonly text: string | undefined;
  /** The QR code, where a terminal was asked for. */
  readonly qr: string | undefined;
}

/** What the options ask for, with every file reserved; nothing is written before {@link Outputs.deliver}. */
export class Outputs {
  private constructor(
    private readonly operator: Operator,
    private readonly options: OutputOptions,
    private readonly config: readonly PrivateFile[],
    private readonly png: PrivateFile | undefined,
    private readonly svg: PrivateFile | undefined,
  ) {}

  /** @param fallback whether a file is written where the options name no output at all */
  static async reserve(
    operator: Operator,
    name: string,
    options: OutputOptions,
    fallback: boolean,
  ): Promise<Outputs> {
    if (options.qr && options.json)
      throw new UsageError("a QR code is no JSON; give only one of --qr and --json");
    if (options.qr && options.out === "-")
      throw new UsageError(
        "standard output takes either the QR code or the configuration; give only one of --qr and --out -",
      );
    const columns = operator.terminal.columns ?? USUAL_COLUMNS;
    if (options.qr && columns < USUAL_COLUMNS)
      throw new UserError(
        `a QR code needs up to ${USUAL_COLUMNS} columns and the terminal has ${columns}; make the window wider or its letters smaller, or use --png FILE`,
      );
    const force = options.force === true;
    const reserved: PrivateFile[] = [];
    const reserve = async (path: string): Promise<PrivateFile> => {
      const file = await PrivateFile.reserve(path, force);
      reserved.push(file);
      return file;
    };
    try {
      const config: PrivateFile[] = [];
      for (const path of configPaths(name, options, fallback)) config.push(await reserve(path));
      const png = options.png === undefined ? undefined : await reserve(options.png);
      const svg = options.svg === undefined ? undefined : await reserve(options.svg);
      return new Outputs(operator, options, config, png, svg);
    } catch (error) {
      await Promise.all(reserved.map((file) => file.discard()));
      throw error;
    }
  }

  /** Writes everything that was asked for. */
  async deliver(profile: Profile): Promise<Delivered> {
    const { terminal } = this.operator;
    const rendered = FORMATS[this.options.format].render(profile);
    const quick = renderClientConfig(profile);
    const files: string[] = [];
    const write = async (file: PrivateFile | undefined, content: () => string | Buffer): Promise<void> => {
      if (file === undefined) return;
      await file.commit(content(), terminal);
      files.push(file.path);
    };
    for (const [index, file] of this.config.entries()) await write(file, () => rendered[index]?.text ?? "");
    await write(this.png, () => qrPng(quick));
    await write(this.svg, () => qrSvg(quick));
    return {
      files,
      text: this.options.out === "-" ? joined(profile.name, rendered) : undefined,
      qr: this.options.qr === true ? this.terminalCode(quick) : undefined,
    };
  }

  /** Gives reserved files up. */
  async discard(): Promise<void> {
    for (const file of [...this.config, this.png, this.svg]) await file?.discard();
  }

  private terminalCode(text: string): string {
    const { columns, colours } = this.operator.terminal;
    const needed = qrColumns(text);
    if (columns !== undefined && needed > columns)
      throw new UserError(
        `the QR code needs ${needed} columns and the terminal has ${columns}; make the window wider or its letters smaller, or use --png FILE`,
      );
    return qrTerminal(text, colours);
  }
}

/** The files that the configuration itself goes to. */
function configPaths(name: string, options: OutputOptions, fallback: boolean): string[] {
  const { suffixes } = FORMATS[options.format];
  const elsewhere = options.qr === true || options.png !== undefined || options.svg !== undefined;
  if (options.out === "-" || (options.out === undefined && (elsewhere || !fallback))) return [];
  if (options.out !== undefined && suffixes.length === 1) return [options.out];
  const own = suffixes.find((suffix) => options.out?.endsWith(suffix));
  const base = own === undefined ? (options.out ?? name) : (options.out ?? "").slice(0, -own.length);
  return suffixes.map((suffix) => `${base}${suffix}`);
}

/** Several files as one text, each with its name; a single one as it is. */
function joined(name: string, files: readonly { suffix: string; text: string }[]): string {
  if (files.length === 1) return files[0]?.text ?? "";
  return files.map(({ suffix, text }) => `# ${name}${suffix}\n${text}`).join("\n");
}

/** What the files are made from: the control function's part, and the private key or what stands for it. */
export function profileOf(config: ConfigView, privateKey: string): Profile {
  return {
    name: config.name,
    privateKey,
    addresses: config.addresses,
    dns: config.dns,
    mtu: config.mtu,
    serverPublicKey: config.serverPublicKey,
    ...(config.presharedKey === undefined ? {} : { presharedKey: config.presharedKey }),
    endpoint: config.endpoint,
    allowedIps: config.allowedIps,
    persistentKeepalive: config.persistentKeepalive,
  };
}

/** wg-quick names the interface after the file, and Linux takes 15 characters (wg-quick(8), IFNAMSIZ). */
export function interfaceNameNote(files: readonly string[]): string | undefined {
  const long = files.find((file) => {
    const base = file.split("/").at(-1) ?? "";
    return base.endsWith(".conf") && !/^[A-Za-z0-9_=+.-]{1,15}\.conf$/.test(base);
  });
  return long === undefined
    ? undefined
    : `note: wg-quick names the interface after the file, at most 15 letters: rename ${long} before 'wg-quick up'`;
}
