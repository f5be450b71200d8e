import { promises as fs } from "node:fs";
import { join } from "node:path";
import { isKey } from "../wireguard/keys";
import { verifyAudit } from "./audit";
import { readMany } from "./bulk";
import { type Found, found, Strays } from "./check-strays";
import { claimsOf, isIp, list } from "./claims";
import { readConfirmed } from "./confirmed";
import { RegistryError } from "./errors";
import { createFile, readText, removeFile } from "./files";
import {
  clientNameOfFile,
  confirmedPath,
  keyFileName,
  keyOfFileName,
  type RegistryPaths,
  registryPaths,
} from "./layout";
import { readNodes } from "./nodes";
import { findConflicts, parseClient, readChanges, readCluster, readServerKeys } from "./reader";
import { oldRequests } from "./requests";
import { isSettled, withoutPrevious } from "./rotate";
import { nextKeyProblem, readFormerKeys, readRotation } from "./rotation-files";
import { addressProblem } from "./rules";
import type { ClientFile } from "./schema";
import type { Session, Step } from "./session";

/** A server writes its record at least every ten seconds; one that has not for so long says nothing any more. */
const SILENT_MS = 60_000;
/** More changes than there are between a backup and the loss of the registry. */
const UNHEARD_STEP = 1_000_000;

/** One look at everything in a registry. */
export class Scan {
  clients = 0;
  /** Clients whose file is newer than what was announced. */
  readonly unannounced: string[] = [];
  private readonly paths: RegistryPaths;
  private readonly all: Found[] = [];
  private readonly files: ClientFile[] = [];
  private readonly broken = new Set<string>();
  private readonly strays: Strays;

  constructor(
    private readonly root: string,
    private readonly runtimeRoot: string,
    private readonly now: Date,
    temporaryMs?: number,
  ) {
    this.paths = registryPaths(root);
    this.strays = new Strays(this.paths, temporaryMs);
  }

  /** All that is wrong. @param session given when the lock is held */
  async run(session?: Session): Promise<Found[]> {
    await this.strays.look(session !== undefined);
    await this.settings();
    await this.restored(session !== undefined);
    await this.readClients();
    await this.checkClients();
    await this.claims(this.paths.addresses, (file) => (isIp(file) ? `${file}/32` : undefined));
    await this.claims(this.paths.keys, keyOfFileName);
    await this.missingClaims();
    await this.requests();
    await this.marks(session !== undefined);
    await this.audit();
    return [...(await this.strays.end()), ...this.all];
  }

  /** Clients whose former keys are no longer needed, without them. */
  async settling(session: Session): Promise<Step[]> {
    const steps: Step[] = [];
    for (const client of this.files) {
      if (!(await isSettled(this.root, client, session.now))) continue;
      steps.push({ name: client.name, before: client, after: withoutPrevious(client) });
    }
    return steps;
  }

  private wrong(path: string, problem: string, remedy: string): void {
    this.all.push({ path, problem, remedy });
  }

  private async told<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      this.wrong(error.path, error.problem, error.remedy ?? "restore the file from the backup");
      return undefined;
    }
  }

  private async settings(): Promise<void> {
    await this.told(() => readCluster(this.root));
    await this.told(() => readChanges(this.root));
    const { publicKey: path } = this.paths;
    const keys = await this.told(() => readServerKeys(this.root));
    const beside = (await readText(path))?.trim();
    if (keys !== undefined && beside === undefined) {
      const write = async () => void (await createFile(path, `${keys.publicKey}\n`, { mode: 0o644 }));
      this.all.push(found(path, "is missing", write));
    } else if (keys !== undefined && beside !== keys.publicKey && !(await this.finishing())) {
      this.wrong(
        path,
        `does not belong to ${this.paths.privateKey}, whose public key is ${keys.publicKey}`,
        "restore the pair from the backup; where clients already use the private key's, remove public.key and check again",
      );
    }
    await this.told(() => readFormerKeys(this.root));
    const rotation = await this.told(() => readRotation(this.root));
    if (rotation === undefined || rotation.phase === "aborting") return;
    await this.told(async () => {
      const damage = await nextKeyProblem(this.root, rotation);
      if (damage !== undefined) throw damage;
    });
  }

  /**
   * Servers never have more than the registry, unless it was put back to an older state. Then a revision that comes again would be
   * taken for the one that they know, so the feed goes on above all of theirs. The nodes are read first: they follow the feed. Where no
   * server says now what it has (the records came from the backup, or none did; the servers still hold the folder that was
   * replaced), nobody can tell whether the registry was put back, so a repair takes it for granted.
   */
  private async restored(repairing: boolean): Promise<void> {
    const nodes = await readNodes(this.runtimeRoot);
    const feed = await readChanges(this.root).catch(() => undefined); // told already
    if (feed === undefined) return;
    const ahead = nodes.reduce((most, node) => (node.revision > most.revision ? node : most), {
      instance: "",
      revision: feed.revision,
    });
    const heard = nodes.some(({ time }) => this.now.getTime() - Date.parse(time) < SILENT_MS);
    const above = heard ? ahead.revision : ahead.revision + UNHEARD_STEP;
    const begin = async (session: Session) => session.beginAbove(above);
    if (ahead.instance !== "") {
      const problem = `is at revision ${feed.revision}, but server ${ahead.instance} has applied ${ahead.revision}: the registry was put back to an older state`;
      this.all.push(found(this.paths.changes, problem, begin));
    } else if (repairing && !heard && feed.revision > 0) {
      const problem = `is at revision ${feed.revision}, and no server says now what it has applied: the registry may have been put back to an older state, so it goes on at revision ${above + 1}`;
      this.all.push(found(this.paths.changes, problem, begin));
    }
  }

  private async finishing(): Promise<boolean> {
    return (await readRotation(this.root).catch(() => undefined))?.phase === "finishing";
  }

  private async readClients(): Promise<void> {
    const names: string[] = [];
    for (const file of await list(this.paths.clients)) {
      const name = clientNameOfFile(file);
      if (name !== undefined) names.push(name);
      else if (!file.startsWith(".")) this.strays.foreign(join(this.paths.clients, file));
    }
    names.sort();
    const paths = names.map((name) => this.paths.client(name));
    await readMany(paths, (text, index) => {
      const [path, name] = [paths[index] ?? "", names[index] ?? ""];
      if (text === undefined) return;
      this.clients++;
      try {
        if (typeof text !== "string") throw text;
        this.files.push(parseClient(path, name, text));
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error;
        this.broken.add(name);
        const remedy =
          error.remedy ?? `restore it from the backup, or remove client ${name}, which ends its access`;
        this.wrong(path, error.problem, remedy);
      }
    });
  }

  private async checkClients(): Promise<void> {
    const cluster = await readCluster(this.root).catch(() => undefined);
    const head = await readChanges(this.root).catch(() => undefined);
    for (const conflict of findConflicts(this.root, this.files))
      this.wrong(conflict.path, conflict.problem, "remove one of the two clients, or give it another key");
    for (const { name, addresses, sequence } of this.files) {
      const path = this.paths.client(name);
      for (const address of addresses) {
        const problem = cluster && addressProblem(address, cluster.tunnelIpv4);
        if (problem !== undefined) this.wrong(path, problem, "remove the client and add it again");
      }
      if (head === undefined || sequence === undefined || sequence <= (head.audit?.sequence ?? 0)) continue;
      this.unannounced.push(name);
      this.all.push(found(path, "has not been announced to the servers", async () => {}));
    }
  }

  private readonly owners = new Map<string, string[]>();
  private readonly claimed = new Set<string>();

  /** Who has what, by the clients' files. */
  private expected(): Map<string, string[]> {
    if (this.owners.size > 0) return this.owners;
    for (const client of this.files) {
      for (const claim of claimsOf(client)) {
        const others = this.owners.get(claim);
        if (others === undefined) this.owners.set(claim, [client.name]);
        else others.push(client.name);
      }
    }
    return this.owners;
  }

  private async claims(folder: string, claimOf: (file: string) => string | undefined): Promise<void> {
    const owners = this.expected();
    const claims: string[] = [];
    const paths: string[] = [];
    for (const file of await list(folder)) {
      const claim = claimOf(file);
      if (claim === undefined) {
        if (!file.startsWith(".")) this.strays.foreign(join(folder, file));
        continue;
      }
      claims.push(claim);
      paths.push(join(folder, file));
    }
    await readMany(paths, (text, index) => {
      const [claim, path] = [claims[index] ?? "", paths[index] ?? ""];
      if (text === undefined) return;
      if (typeof text !== "string") {
        this.claimed.add(claim);
        this.wrong(path, text.problem, text.remedy ?? "move it away");
        return;
      }
      const name = text.trim();
      const [owner] = owners.get(claim) ?? [];
      this.claimed.add(claim);
      if (owners.get(claim)?.includes(name) === true) return;
      // What a client whose file is broken had claimed is kept for it.
      if (owner === undefined && this.broken.has(name)) return;
      if (owner === undefined)
        this.all.push(found(path, "claims what no client has", () => removeFile(path)));
      else {
        const correct = (session: Session) => session.claims.correct(owner, claim);
        this.all.push(found(path, `is not in the name of ${owner}, who has it`, correct));
      }
    });
  }

  private async missingClaims(): Promise<void> {
    for (const [claim, [name = ""]] of this.expected()) {
      if (this.claimed.has(claim)) continue;
      const path = isKey(claim) ? this.paths.key(claim) : this.paths.address(claim.split("/")[0] ?? "");
      const ensure = (session: Session) => session.claims.ensure(name, claim);
      this.all.push(found(path, `is missing: ${name} has it and nothing keeps others from it`, ensure));
    }
  }

  private async requests(): Promise<void> {
    for (const path of await oldRequests(this.root, this.now))
      this.all.push(found(path, "is the answer to an old request", () => removeFile(path)));
    for (const file of await list(this.paths.requests))
      if (!/^[0-9a-f]{64}\.json$/.test(file) && !file.startsWith("."))
        this.strays.foreign(join(this.paths.requests, file));
  }

  /** Marks of rotations that are over. Those of clients stay where nobody repairs anything: that is nothing wrong. */
  private async marks(locked: boolean): Promise<void> {
    const waiting = new Set(
      this.files.flatMap(({ publicKey, previous }) => (previous === undefined ? [] : publicKey)),
    );
    for (const key of await readConfirmed(this.runtimeRoot)) {
      const path = confirmedPath(this.runtimeRoot, key);
      if (locked && !waiting.has(key))
        this.all.push(found(path, "marks a key that is not new", () => removeFile(path)));
    }
    const rotation = await readRotation(this.root).catch(() => undefined);
    const current = rotation && keyFileName(rotation.next.publicKey);
    for (const file of await list(join(this.runtimeRoot, "moved"))) {
      if (file === current) continue;
      const path = join(this.runtimeRoot, "moved", file);
      const remove = () => fs.rm(path, { recursive: true, force: true });
      this.all.push(found(path, "belongs to a rotation of the server key that is over", remove));
    }
  }

  private async audit(): Promise<void> {
    // Where the feed cannot be read, that has been told.
    const verdict = await verifyAudit(this.root).catch((error: unknown) => {
      if (error instanceof RegistryError) return undefined;
      throw error;
    });
    if (verdict?.problem === undefined) return;
    const remedy =
      "find out who changed the log (CloudTrail has the invocations) and keep a copy of it; changes go on being recorded behind it";
    this.wrong(this.paths.audit, verdict.problem, remedy);
  }
}
