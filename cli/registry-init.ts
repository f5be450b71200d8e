/** `wgc registry init`: a registry folder on this machine. Deployed ones are made by `pulumi up`, the lab's by `lab up`. */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { UserError } from "../config/errors";
import { issuesOf, summarise } from "../control/issues";
import { inputs } from "../control/protocol";
import { reasonOf } from "./client-files";
import { parseDns, parseRoutes } from "./client-options";
import { EXIT_HELP, UsageError } from "./exit-codes";
import type { Operator } from "./operator";
import { withControl } from "./target";

interface InitOptions {
  readonly endpoint: string;
  readonly cluster?: string;
  readonly tunnel: string;
  readonly routes?: string;
  readonly dns?: string;
  readonly json?: boolean;
}

/** What `wgc registry init --json` prints. */
export interface RegistryInitJson {
  readonly folder: string;
  readonly publicKey: string;
}

async function init(operator: Operator, folder: string, options: InitOptions): Promise<void> {
  const root = resolve(folder);
  if (existsSync(`${root}/cluster.json`))
    throw new UserError(`${folder} is a registry already; name another folder`);
  const cluster = {
    cluster: options.cluster ?? basename(root),
    endpoint: options.endpoint,
    tunnelIpv4: options.tunnel,
    dns: parseDns(options.dns) ?? [],
    routes: parseRoutes({ routes: options.routes ?? options.tunnel }) ?? [],
    mtu: 1420,
    persistentKeepalive: 25,
  };
  // Before the folder is made: a typing error leaves nothing behind.
  const checked = inputs.init.safeParse({ cluster });
  if (!checked.success) throw new UsageError(summarise(issuesOf(checked.error, ["input"])));
  await mkdir(root, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new UserError(`${folder} cannot be made: ${reasonOf(error)}`, { cause: error });
  });
  await withControl(operator, { registry: root }, async ({ control }) => {
    const { publicKey } = (await control.call("init", { cluster })).result;
    const document: RegistryInitJson = { folder: root, publicKey };
    operator.terminal.out(
      options.json
        ? `${JSON.stringify(document, null, 2)}\n`
        : `${root}: a registry whose servers' public key is ${publicKey}; next: ./wgc client add NAME --registry ${folder}\n`,
    );
  });
}

/** Adds `wgc registry init`. */
export function addRegistryInit(registry: Command, operator: Operator): void {
  registry
    .command("init <dir>")
    .description("make a registry folder on this machine, with a server key pair (a stack has its own)")
    .requiredOption("--endpoint <host:port>", "where clients reach the servers")
    .option("--cluster <name>", "the cluster's name (default: the folder's)")
    .option("--tunnel <range>", "the range that clients' addresses are from", "10.100.0.0/16")
    .option("--routes <ranges>", "what clients reach, separated by commas (default: the tunnel)")
    .option("--dns <list>", "clients' DNS servers and search domains, separated by commas")
    .option("--json", "print as JSON")
    .addHelpText(
      "after",
      `\nExamples:\n  $ ./wgc registry init ./registry --endpoint vpn.example.org:51820\n  $ ./wgc client add alice --registry ./registry\n${EXIT_HELP}`,
    )
    .action((folder: string, options: InitOptions) => init(operator, folder, options));
}
