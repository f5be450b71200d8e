import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlError, Results } from "../../control/answers";
import { type ControlOptions, createControl, type RequestMeta } from "../../control/handler";
import type { Input, Operation, Response } from "../../control/protocol";
import { generateKeyPair } from "../../wireguard/keys";

export const CLUSTER = {
  cluster: "wgc-test",
  endpoint: "vpn.example.org:51820",
  tunnelIpv4: "10.100.0.0/24",
  dns: ["10.0.0.2"],
  routes: ["10.0.0.0/16"],
  mtu: 1420,
  persistentKeepalive: 25,
};

/** An empty folder of its own. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), "wgc-control-"));

/** A new public key. */
export const newKey = (): string => generateKeyPair().publicKey;

/** A handler with a registry of its own in a temporary folder. */
export async function makeControl({
  cluster = CLUSTER,
  ...options
}: Partial<ControlOptions> & { cluster?: typeof CLUSTER } = {}) {
  const root = options.root ?? temporaryFolder();
  const control = createControl({ source: "local", ...options, root });
  const ask = <O extends Operation>(
    operation: O,
    input: Input<O>,
    more: { requestKey?: string; caller?: string; meta?: RequestMeta } = {},
  ): Promise<Response<O>> => {
    const { meta, ...envelope } = more;
    return control.handle({ version: 1, operation, ...envelope, input }, meta) as Promise<Response<O>>;
  };
  /** The result of a request that must succeed. */
  const get = async <O extends Operation>(
    operation: O,
    input: Input<O>,
    requestKey?: string,
  ): Promise<Results[O]> => {
    const response = await ask(operation, input, requestKey === undefined ? {} : { requestKey });
    if (!response.ok) throw new Error(`${operation}: ${response.error.message}`);
    return response.result;
  };
  await get("init", { cluster });
  return { root, control, ask, get };
}

/** The error of an answer that must be one. */
export function errorOf(response: Response): ControlError {
  if (response.ok) throw new Error(`${response.operation} was not refused`);
  return response.error;
}

/** Every file below a folder with its content and permissions, as one hash. */
export function treeHash(root: string): string {
  const hash = createHash("sha256");
  const walk = (folder: string, place: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const path = join(folder, entry.name);
      hash.update(`${place}/${entry.name} ${statSync(path).mode}\n`);
      if (entry.isDirectory()) walk(path, `${place}/${entry.name}`);
      else hash.update(readFileSync(path)).update("\n");
    }
  };
  walk(root, "");
  return hash.digest("hex");
}

/** The files below a folder that have a text in them. */
export function filesWith(root: string, text: string): string[] {
  const found: string[] = [];
  const walk = (folder: string, place: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const inner = place === "" ? entry.name : `${place}/${entry.name}`;
      if (entry.isDirectory()) walk(join(folder, entry.name), inner);
      else if (readFileSync(join(folder, entry.name), "utf8").includes(text)) found.push(inner);
    }
  };
  walk(root, "");
  return found.sort();
}
