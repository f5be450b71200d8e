/** `wgc client add` and `wgc client rotate`: key pairs are made here, and private keys leave this machine only in the operator's file. */
import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import type { ClientView } from "../control/answers";
import { type Input, OVERLAP_DAYS } from "../control/protocol";
import { privateKeyPlaceholder } from "../wireguard/formats";
import { generateKeyPair, generatePresharedKey } from "../wireguard/keys";
import { addOrRepeat } from "./add-again";
import { reasonOf } from "./client-files";
import { clientJson, type DeliveredJson } from "./client-json";
import {
  collectTag,
  parseAddress,
  parseDns,
  parseExpiry,
  parsePublicKey,
  parseRoutes,
  parseSpan,
  type RouteOptions,
  waitLimit,
  withWait,
} from "./client-options";
import {
  type Delivered,
  interfaceNameNote,
  type OutputOptions,
  Outputs,
  profileOf,
  withOutputs,
} from "./client-output";
import { accessPhrase, ipv6Note } from "./client-table";
import { renderWait, type WaitReport, waitIfAsked } from "./client-wait";
import { EXIT_HELP, UsageError } from "./exit-codes";
import { finishFirst } from "./finish-first";
import { withKeptKey } from "./kept-key";
import {
  type Answer,
  announced,
  type Control,
  confirmed,
  type Operator,
  type TargetOptions,
} from "./operator";
import { readPrivateKey } from "./private-key";
import { withControl, withTarget } from "./target";

const WRITTEN_FIRST =
  "the configuration is written first, then this ends; once more ends it at once, and the key is lost";

interface AddOptions extends TargetOptions, OutputOptions, RouteOptions {
  readonly publicKey?: string;
  readonly presharedKey?: boolean;
  readonly expires?: string;
  readonly dns?: string;
  readonly tag?: Readonly<Record<string, string>>;
  readonly address?: string;
  readonly privateKeyFile?: string;
  readonly wait?: string | boolean;
}

interface RotateOptions extends TargetOptions, OutputOptions {
  readonly publicKey?: string;
  readonly presharedKey?: boolean;
  readonly presharedKeyOnly?: boolean;
  readonly overlap: string | false;
  readonly privateKeyFile?: string;
  readonly wait?: string | boolean;
  readonly yes?: boolean;
}

/** A key that a client is given: our own pair, or the public half of somebody's. */
interface NewKey {
  readonly publicKey: string;
  readonly privateKey: string | undefined;
}

function newKey(publicKey: string | undefined): NewKey {
  return publicKey === undefined
    ? generateKeyPair()
    : { publicKey: parsePublicKey(publicKey), privateKey: undefined };
}

function addInput(name: string, options: AddOptions, key: NewKey, now: Date): Input<"add"> {
  const expiresAt = options.expires === undefined ? null : parseExpiry(options.expires, now);
  const routes = parseRoutes(options);
  const dns = parseDns(options.dns);
  return {
    name,
    publicKey: key.publicKey,
    ...(options.presharedKey ? { presharedKey: generatePresharedKey() } : {}),
    ...(options.address === undefined ? {} : { address: parseAddress(options.address) }),
    ...(routes ? { routes } : {}),
    ...(dns ? { dns } : {}),
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(options.tag === undefined ? {} : { tags: options.tag }),
  };
}

async function add(operator: Operator, name: string, options: AddOptions): Promise<void> {
  if (options.privateKeyFile !== undefined && options.publicKey !== undefined)
    throw new UsageError("give only one of --private-key-file and --public-key");
  const key =
    options.privateKeyFile === undefined
      ? newKey(options.publicKey)
      : await readPrivateKey(options.privateKeyFile);
  const input = addInput(name, options, key, operator.now());
  await giveKey(operator, name, options, key.privateKey, (control) =>
    addOrRepeat(control, input).catch(async (error: unknown) => {
      throw await withKeptKey(error, safeFileName(name), key.privateKey, folderOf(options));
    }),
  );
}

/** WireGuard knows one preshared key for a key pair, so the former one cannot go on beside it. */
function cutsOff(name: string): string {
  return `give ${name} another preshared key for the key pair it has? The former one ends at once: its device is cut off within two minutes, until it has the new configuration (./wgc client rotate ${name} --preshared-key changes both keys, with an overlap).`;
}

async function rotate(operator: Operator, name: string, options: RotateOptions): Promise<void> {
  if (options.presharedKeyOnly && options.publicKey !== undefined)
    throw new UsageError("give only one of --preshared-key-only and --public-key");
  if (options.privateKeyFile !== undefined && !options.presharedKeyOnly)
    throw new UsageError(
      "--private-key-file belongs to --preshared-key-only: otherwise the private key is a new one",
    );
  const key = options.presharedKeyOnly ? undefined : newKey(options.publicKey);
  const own =
    options.privateKeyFile === undefined
      ? key?.privateKey
      : (await readPrivateKey(options.privateKeyFile)).privateKey;
  const input: Input<"rotate"> = {
    name,
    ...(key === undefined ? {} : { publicKey: key.publicKey }),
    ...(options.presharedKey || options.presharedKeyOnly ? { presharedKey: generatePresharedKey() } : {}),
    overlapSeconds:
      options.overlap === false ? 0 : parseSpan("--overlap", options.overlap, OVERLAP_DAYS.most),
  };
  if (options.presharedKeyOnly && !(await confirmed(operator.terminal, options.yes, cutsOff(name))))
    return operator.exit(1);
  await giveKey(operator, name, options, own, (control) =>
    control.call("rotate", input, { requestKey: randomUUID() }),
  );
}

/** Where the operator wants the files. */
function folderOf({ out }: OutputOptions): string {
  return out === undefined || out === "-" ? "." : dirname(out);
}

type Gives = "add" | "rotate";

/** Reserves the files, has the change made, writes the files, waits and tells about it. */
async function giveKey<O extends Gives>(
  operator: Operator,
  name: string,
  options: OutputOptions &
    TargetOptions &
    Pick<RotateOptions, "privateKeyFile" | "presharedKeyOnly"> & { readonly wait?: string | boolean },
  privateKey: string | undefined,
  change: (control: Control) => Promise<Answer<O>>,
): Promise<void> {
  const limit = waitLimit(options.wait);
  await withControl(operator, options, async ({ control, label }) => {
    const outputs = await Outputs.reserve(operator, safeFileName(name), options, privateKey !== undefined);
    try {
      const since = operator.elapsed();
      const { client, revision, delivered } = await finishFirst(
        operator.terminal.err,
        WRITTEN_FIRST,
        async () => {
          const answer = await announced(operator.terminal, `asking ${label}`, change(control));
          const { client } = answer.result as { client: ClientView };
          const { revision } = answer;
          const delivered = await deliver(control, name, revision, outputs, privateKey);
          await report(operator, options, { client, revision, delivered, privateKey });
          return { client, revision, delivered };
        },
      );
      const wait = await announced(
        operator.terminal,
        "waiting for the servers",
        waitIfAsked(operator, control, revision, limit, since),
      );
      await finish(operator, options, { client, revision, delivered, wait });
    } finally {
      await outputs.discard();
    }
  });
}

/** A name that the control function would refuse must not name a file elsewhere before it is asked. */
function safeFileName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, "_").slice(0, 63);
}

async function deliver(
  control: Control,
  name: string,
  revision: number,
  outputs: Outputs,
  privateKey: string | undefined,
): Promise<Delivered> {
  try {
    const { config } = (await control.call("config", { name })).result;
    return await outputs.deliver(profileOf(config, privateKey ?? privateKeyPlaceholder(name)));
  } catch (error) {
    throw notWritten(name, revision, error);
  }
}

function notWritten(name: string, revision: number, error: unknown): UserError {
  return new UserError(
    `${name} has its new key (revision ${revision}), but the configuration was not written: ${reasonOf(error)}; nothing is lost: ./wgc client rotate ${name} --no-overlap gives it another key pair and a new configuration`,
    { cause: error },
  );
}

interface Done {
  readonly client: ClientView;
  readonly revision: number;
  readonly delivered: Delivered;
}

/** A key pair that was made here is in the file alone; one that came from a file is there as well. */
function ownKeyNote({ privateKeyFile }: { readonly privateKeyFile?: string }): string {
  return privateKeyFile === undefined
    ? "holds the private key, and is the only copy of it"
    : "holds the private key";
}

/** The result, as soon as it is there; the configuration alone where it goes to standard output. */
async function report(
  operator: Operator,
  options: OutputOptions & Pick<RotateOptions, "privateKeyFile" | "presharedKeyOnly">,
  done: Done & { privateKey: string | undefined },
): Promise<void> {
  if (options.json) return;
  const { terminal } = operator;
  const { client, delivered } = done;
  const mixed = delivered.text !== undefined || delivered.qr !== undefined;
  const tell = (line: string): void => (mixed ? terminal.err(`${line}\n`) : terminal.out(`${line}\n`));
  try {
    if (delivered.text !== undefined) await terminal.written(delivered.text);
    if (delivered.qr !== undefined) await terminal.written(`${delivered.qr}\n`);
  } catch (error) {
    throw notWritten(client.name, done.revision, error);
  }
  tell(`${client.name}: ${client.addresses.join(", ")}, ${accessPhrase(client, operator.now())}`);
  if (client.previous !== undefined && client.state !== "revoked")
    tell(`the former key works until the new one has been used, at most until ${client.previous.until}`);
  if (options.presharedKeyOnly === true)
    tell(
      "the new preshared key counts at once: the device has no connection from its next handshake on, until it has the new configuration",
    );
  if (delivered.files.length > 0)
    tell(
      `${delivered.files.join(", ")}: ${done.privateKey === undefined ? "put the device's private key into it" : ownKeyNote(options)}`,
    );
  else if (!mixed)
    tell(`configuration for its private key: ./wgc client config ${client.name} --private-key-file FILE`);
  for (const note of [interfaceNameNote(delivered.files), ipv6Note(client.routes)])
    if (note !== undefined) terminal.err(`${note}\n`);
}

async function finish(
  operator: Operator,
  options: OutputOptions,
  { client, revision, delivered, wait }: Done & { wait: WaitReport | null },
): Promise<void> {
  if (options.json) {
    const document: DeliveredJson = {
      client: clientJson(client),
      revision,
      files: delivered.files,
      config: delivered.text ?? null,
      wait,
    };
    await operator.terminal.written(`${JSON.stringify(document, null, 2)}\n`).catch((error: unknown) => {
      throw notWritten(client.name, revision, error);
    });
  } else if (wait !== null) {
    const stream =
      wait.complete && delivered.text === undefined && delivered.qr === undefined ? "out" : "err";
    operator.terminal[stream](`${renderWait(wait)}\n`);
  }
}

const ADD_EXAMPLES = `
Examples:
  $ ./wgc client add alice --stack prod                  writes alice.conf with a new key pair
  $ ./wgc client add phone --stack prod --qr             for the mobile app, no file
  $ ./wgc client add bob --lab --expires 30d --tag team=ops --wait
  $ ./wgc client add gw --registry /srv/registry --format mikrotik --full-tunnel --preshared-key`;

/** Adds `wgc client add` and `wgc client rotate`. */
export function addKeyCommands(client: Command, operator: Operator): void {
  const adding = client
    .command("add <name>")
    .description("add a client and write its configuration")
    .option("--public-key <key>", "the device's own public key, instead of a key pair made here")
    .option("--private-key-file <file>", "a key pair made before, instead of one made here")
    .option("--preshared-key", "a preshared key on top")
    .option("--expires <when>", "30d, 2027-01-31 (that day included, UTC), or never", "never")
    .option("--routes <ranges>", "what it reaches through the tunnel, separated by commas")
    .option("--full-tunnel", "everything through the tunnel (IPv4)")
    .option("--split-tunnel", "the cluster's own routes (the default)")
    .option("--dns <list>", "its DNS servers and search domains, separated by commas")
    .option("--tag <key=value>", "a tag (repeatable)", collectTag)
    .option("--address <ip>", "a certain address instead of the next free one");
  finishOptions(adding, "NAME.conf", ADD_EXAMPLES).action((name: string, options: AddOptions) =>
    add(operator, name, options),
  );
  const rotating = client
    .command("rotate <name>")
    .description("give a client a new key; the former one works until the new one has been used")
    .option("--public-key <key>", "the device's own new public key, instead of a key pair made here")
    .option("--preshared-key", "a new preshared key as well")
    .option(
      "--preshared-key-only",
      "a new preshared key, the key pair stays; it counts at once, without an overlap",
    )
    .option("--overlap <time>", "how long the former key works at most", `${OVERLAP_DAYS.default}d`)
    .option("--no-overlap", "the former key stops working at once")
    .option(
      "--private-key-file <file>",
      "the key pair's private half, for the new file (--preshared-key-only)",
    )
    .option("-y, --yes", "do not ask (--preshared-key-only)");
  finishOptions(
    rotating,
    "NAME.conf",
    "\nExamples:\n  $ ./wgc client rotate alice --stack prod --out alice-new.conf\n  $ ./wgc client rotate alice --stack prod --no-overlap --force --wait",
  ).action((name: string, options: RotateOptions) => rotate(operator, name, options));
}

function finishOptions(command: Command, defaultFile: string, examples: string): Command {
  return withTarget(withWait(withOutputs(command, defaultFile)))
    .option("--json", "print what was done as JSON")
    .addHelpText("after", `${examples}\n${EXIT_HELP}`);
}
