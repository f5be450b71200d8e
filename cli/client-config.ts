/** `wgc client config` and `qr`: the configuration of a client that exists, for whoever has its private key. */
import type { Command } from "commander";
import { UserError } from "../config/errors";
import { FORMATS, type FormatName, formatNames, privateKeyPlaceholder } from "../wireguard/formats";
import { type OutputOptions, Outputs, profileOf, withOutputs } from "./client-output";
import { EXIT_HELP, UsageError } from "./exit-codes";
import { announced, type Operator, type TargetOptions } from "./operator";
import { readPrivateKey } from "./private-key";
import { withControl, withTarget } from "./target";

interface ConfigOptions extends TargetOptions, OutputOptions {
  readonly privateKeyFile?: string;
}

/** Writes a client's configuration where the options say, by default to standard output. */
async function config(operator: Operator, name: string, options: ConfigOptions): Promise<void> {
  const pair =
    options.privateKeyFile === undefined ? undefined : await readPrivateKey(options.privateKeyFile);
  if (options.qr && pair === undefined)
    throw new UsageError(
      "a QR code without the private key is of no use; name the file that holds it: --private-key-file FILE",
    );
  const elsewhere =
    options.out !== undefined || options.qr || options.png !== undefined || options.svg !== undefined;
  const wanted = elsewhere ? options : { ...options, out: "-" };
  await withControl(operator, options, async ({ control, label }) => {
    const { terminal } = operator;
    const outputs = await Outputs.reserve(operator, name, wanted, false);
    try {
      const answer = await announced(terminal, `asking ${label}`, control.call("config", { name }));
      const view = answer.result.config;
      if (pair !== undefined && pair.publicKey !== view.publicKey)
        throw new UserError(
          `--private-key-file ${options.privateKeyFile}: that is not the private key of ${name} (its public key is ${view.publicKey})`,
        );
      const done = await outputs.deliver(profileOf(view, pair?.privateKey ?? privateKeyPlaceholder(name)));
      if (options.json) {
        const { format } = options;
        const document = {
          name,
          format,
          files: done.files,
          config: done.text ?? null,
          hasPrivateKey: pair !== undefined,
        };
        terminal.out(`${JSON.stringify(document, null, 2)}\n`);
        return;
      }
      if (done.text !== undefined) terminal.out(done.text);
      if (done.qr !== undefined) terminal.out(`${done.qr}\n`);
      if (done.files.length > 0) terminal.out(`${done.files.join(", ")} written\n`);
      if (pair === undefined)
        terminal.err(
          `the private key is only on ${name}'s device: put it in place of ${privateKeyPlaceholder(name)}\n`,
        );
    } finally {
      await outputs.discard();
    }
  });
}

const formatHelp = (): string =>
  formatNames.map((format: FormatName) => `  ${format.padEnd(16)} ${FORMATS[format].what}`).join("\n");

/** Adds `wgc client config` and `qr`. */
export function addConfigCommands(client: Command, operator: Operator): void {
  withTarget(
    withOutputs(
      client.command("config <name>").description("print a client's configuration"),
      "standard output",
    ),
  )
    .option("--private-key-file <file>", "file with its private key, or with its former configuration")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `\nFormats:\n${formatHelp()}\n\nExamples:\n  $ ./wgc client config alice --stack prod --private-key-file alice.key --out alice.conf\n  $ ./wgc client config alice --stack prod --format networkd\n${EXIT_HELP}`,
    )
    .action((name: string, options: ConfigOptions) => config(operator, name, options));
  withTarget(
    client.command("qr <name>").description("show a client's configuration as a QR code for the mobile apps"),
  )
    .requiredOption("--private-key-file <file>", "file with its private key, or with its configuration")
    .option("--png <file>", "draw it into a PNG file instead")
    .option("--svg <file>", "draw it into an SVG file instead")
    .option("-f, --force", "replace files that exist")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc client qr alice --stack prod --private-key-file alice.conf\n  $ ./wgc client qr alice --stack prod --private-key-file alice.conf --png alice.png\n${EXIT_HELP}`,
    )
    .action((name: string, options: Omit<ConfigOptions, "format">) =>
      config(operator, name, {
        ...options,
        format: "wg-quick",
        qr: options.png === undefined && options.svg === undefined,
      }),
    );
}
