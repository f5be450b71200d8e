import { promises as fs } from "node:fs";
import { clientAddresses } from "../wireguard/addresses";
import { isKey } from "../wireguard/keys";
import { errorCode, RegistryError } from "./errors";
import { createFile, readText, removeFile, replaceFile } from "./files";
import { type RegistryPaths, registryPaths } from "./layout";
import { readClient } from "./reader";
import type { ClientFile, ClusterFile } from "./schema";

const PUBLIC = { mode: 0o644 } as const;
/** So many addresses are tried one by one before the whole folder is listed. */
const TRIES = 64;

/** What only one client may have: its public keys, the former one too, and its addresses (`10.100.0.7/32`). */
export function claimsOf(client: ClientFile | undefined): string[] {
  if (client === undefined) return [];
  const { publicKey, previous, addresses } = client;
  const former = previous === undefined ? [] : [previous.publicKey];
  return [...new Set([publicKey, ...former, ...addresses])];
}

/**
 * The claim files: `addresses/<ip>` and `keys/<hex>` with the name of the client that has it.
 *
 * INVARIANTS: a claim is made with the exclusiveness of a link, before the client's file says it, and goes after the file no
 * longer says it. Whoever finds a claim, whatever it says, does not get what it is for: only a check, which has read all clients,
 * can tell that nobody has it.
 */
export class Claims {
  private readonly paths: RegistryPaths;

  constructor(private readonly root: string) {
    this.paths = registryPaths(root);
  }

  /** The claim file of a key or address. */
  pathOf(claim: string): string {
    return isKey(claim) ? this.paths.key(claim) : this.paths.address(claim.split("/")[0] ?? "");
  }

  /** The client that has this key or address, other than `self`. What is claimed by somebody who has it not is nobody's to have. */
  async ownerOf(claim: string, self: string): Promise<string | undefined> {
    const path = this.pathOf(claim);
    const name = (await readText(path))?.trim();
    if (name === undefined || name === self) return undefined;
    if (await this.uses(name, claim)) return name;
    throw new RegistryError(
      path,
      `${claim} is claimed in a name (${JSON.stringify(name.slice(0, 80))}) whose client does not have it`,
      "conflict",
      "run `registry check --repair`, which gives it to whoever has it",
    );
  }

  /** Claims for a client; throws when it is another one's. */
  async take(name: string, claim: string): Promise<void> {
    const path = this.pathOf(claim);
    if (await this.create(path, name)) return;
    const there = (await readText(path))?.trim();
    if (there !== name)
      throw new RegistryError(path, `${claim} was claimed by ${there} meanwhile`, "conflict");
  }

  /** Claims what a client has already, where nobody has claimed it. */
  async ensure(name: string, claim: string): Promise<void> {
    await this.create(this.pathOf(claim), name);
  }

  /** Puts a claim into the name of the client that has it, whatever it says now. */
  async correct(name: string, claim: string): Promise<void> {
    await replaceFile(this.pathOf(claim), `${name}\n`, PUBLIC);
  }

  /** Gives a claim up, if it is this client's. */
  async release(name: string, claim: string): Promise<void> {
    const path = this.pathOf(claim);
    if ((await readText(path))?.trim() === name) await removeFile(path);
  }

  /** All that a client has claimed; slow, because it looks at every claim. For a client whose file cannot tell. */
  async findAll(name: string): Promise<string[]> {
    const found: string[] = [];
    for (const ip of await list(this.paths.addresses))
      if (isIp(ip) && (await readText(this.paths.address(ip)))?.trim() === name) found.push(`${ip}/32`);
    for (const hex of await list(this.paths.keys)) {
      const key = Buffer.from(hex, "hex").toString("base64");
      if (isKey(key) && (await readText(this.paths.key(key)))?.trim() === name) found.push(key);
    }
    return found;
  }

  /** A free address from the hint on, that nobody in `reserved` waits for. */
  async freeAddress(
    cluster: ClusterFile,
    hint: string | undefined,
    reserved: ReadonlySet<string>,
  ): Promise<string> {
    let tries = 0;
    let taken: ReadonlySet<string> | undefined;
    for (const address of clientAddresses(cluster.tunnelIpv4, hint)) {
      if (reserved.has(`${address}/32`)) continue;
      if (taken === undefined && ++tries > TRIES) taken = new Set(await list(this.paths.addresses));
      if (taken?.has(address) ?? (await exists(this.paths.address(address)))) continue;
      return address;
    }
    throw new RegistryError(this.paths.addresses, `no free address is left in ${cluster.tunnelIpv4}`, "full");
  }

  private async uses(name: string, claim: string): Promise<boolean> {
    try {
      return claimsOf(await readClient(this.root, name)).includes(claim);
    } catch (error) {
      if (error instanceof RegistryError) return true;
      if (error instanceof RangeError) return false; // no client has such a name: the claim file itself is broken
      throw error;
    }
  }

  private async create(path: string, name: string): Promise<boolean> {
    try {
      return await createFile(path, `${name}\n`, PUBLIC);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      await fs.mkdir(this.paths.keys, { recursive: true }); // a registry from before there were claims of keys
      return createFile(path, `${name}\n`, PUBLIC);
    }
  }
}

/** Whether a file in `addresses/` is a claim. */
export function isIp(file: string): boolean {
  return /^\d{1,3}(\.\d{1,3}){3}$/.test(file);
}

async function exists(path: string): Promise<boolean> {
  return (await readText(path)) !== undefined;
}

/** The files in a folder; none when it does not exist. */
export async function list(folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
