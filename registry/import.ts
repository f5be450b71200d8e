import { RegistryError } from "./errors";
import { checkValue } from "./files";
import { readClient, readCluster } from "./reader";
import { addressProblem, assertAllowed, serverKeyProblem } from "./rules";
import { type ClientFile, type ClusterFile, clientFileSchema } from "./schema";
import type { ChangeContext, Session, Step } from "./session";

/** A client as another system described it. */
export interface ImportEntry {
  readonly name: string;
  readonly publicKey: string;
  readonly presharedKey?: string | undefined;
  /** Kept where they are free and inside the tunnel's range. */
  readonly addresses: readonly string[];
  readonly routes?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly expiresAt?: string | undefined;
  readonly revoked?: boolean | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

/** What happened to one entry, or would. */
export interface ImportOutcome {
  readonly name: string;
  /** `present`: the client is there already; `changed`: taken over, but not all as it was. */
  readonly outcome: "kept" | "changed" | "present" | "refused";
  readonly reasons: readonly string[];
  readonly addresses: readonly string[];
}

/** How entries are taken over. */
export interface ImportOptions {
  /** Only tell what would happen. */
  readonly dryRun: boolean;
  /** Addresses of other clients of the same import, which another call has: they are neither kept nor given out here. */
  readonly promised?: readonly string[] | undefined;
}

/** So many clients are written and announced together: one line of the feed each, but one sync of the log. */
const BATCH = 100;

/** What one entry comes to. */
interface Plan {
  readonly outcome: ImportOutcome;
  readonly after?: ClientFile;
}

/**
 * Takes entries over, a batch at a time. Each batch is complete in itself: a crash leaves whole batches, and the same import again
 * finds those clients present.
 */
export async function importAll(
  session: Session,
  entries: readonly ImportEntry[],
  { dryRun, promised = [] }: ImportOptions,
  context: ChangeContext,
): Promise<ImportOutcome[]> {
  const planner = new Planner(session, await readCluster(session.root), entries, new Set(promised));
  const outcomes: ImportOutcome[] = [];
  for (let at = 0; at < entries.length; at += BATCH) {
    const steps: Step[] = [];
    for (const entry of entries.slice(at, at + BATCH)) {
      const { outcome, after } = await planner.plan(entry);
      outcomes.push(outcome);
      if (after !== undefined) steps.push({ name: after.name, before: undefined, after });
    }
    if (dryRun || steps.length === 0) continue;
    await session.commit("import", context, {
      answer: () => undefined,
      steps,
      nextAddress: planner.nextAddress,
    });
  }
  return outcomes;
}

class Planner {
  private readonly names = new Set<string>();
  /** Keys and addresses of entries before this one, and addresses that later ones want to keep. */
  private readonly used = new Map<string, string>();
  private readonly wanted: Set<string>;
  nextAddress: string | undefined;

  constructor(
    private readonly session: Session,
    private readonly cluster: ClusterFile,
    entries: readonly ImportEntry[],
    private readonly promised: ReadonlySet<string>,
  ) {
    this.wanted = new Set([...promised, ...entries.flatMap(({ addresses }) => addresses)]);
    this.nextAddress = session.nextAddress;
  }

  async plan(entry: ImportEntry): Promise<Plan> {
    try {
      return await this.decide(entry);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.kind === "storage") throw error;
      return refused(entry, error.problem);
    }
  }

  private async decide(entry: ImportEntry): Promise<Plan> {
    const { session, cluster } = this;
    const { name } = entry;
    const parsed = clientFileSchema.shape.name.safeParse(name);
    if (!parsed.success) return refused(entry, parsed.error.issues[0]?.message ?? "is not a client name");
    if (this.names.has(name)) return refused(entry, "an entry before this one has the same name");
    const there = await readClient(session.root, name);
    if (there !== undefined) return present(entry, there);
    const draft = checkValue(session.paths.client(name), clientFileSchema, draftOf(entry, session.now));
    assertAllowed(session.root, cluster, entry, session.now);
    const problem = await this.keyProblem(entry);
    if (problem !== undefined) return refused(entry, `publicKey ${problem}`);
    const { addresses, reasons } = await this.addressesFor(entry);
    this.names.add(name);
    for (const claim of [entry.publicKey, ...addresses]) this.used.set(claim, name);
    const outcome = { name, outcome: reasons.length === 0 ? "kept" : "changed", reasons, addresses } as const;
    return { outcome, after: { ...draft, addresses } };
  }

  private async keyProblem({ name, publicKey }: ImportEntry): Promise<string | undefined> {
    const { session } = this;
    const server = await serverKeyProblem(session.root, publicKey);
    if (server !== undefined) return server;
    const owner = this.used.get(publicKey) ?? (await session.claims.ownerOf(publicKey, name));
    return owner === undefined ? undefined : `already belongs to client ${owner}`;
  }

  private async addressesFor({
    name,
    addresses,
  }: ImportEntry): Promise<{ addresses: string[]; reasons: string[] }> {
    const kept: string[] = [];
    const reasons: string[] = [];
    for (const address of new Set(addresses)) {
      const problem = await this.addressProblem(name, address);
      if (problem === undefined) kept.push(address);
      else reasons.push(problem);
    }
    if (kept.length > 0) return { addresses: kept, reasons };
    const reserved = new Set([...this.wanted, ...this.used.keys()]);
    const free = await this.session.claims.freeAddress(this.cluster, this.nextAddress, reserved);
    this.nextAddress = free;
    return { addresses: [`${free}/32`], reasons: [...reasons, `gets ${free}/32 instead`] };
  }

  private async addressProblem(name: string, address: string): Promise<string | undefined> {
    const problem = addressProblem(address, this.cluster.tunnelIpv4);
    if (problem !== undefined) return problem;
    const owner = this.used.get(address) ?? (await this.session.claims.ownerOf(address, name));
    if (owner !== undefined) return `${address} already belongs to client ${owner}`;
    return this.promised.has(address) ? `${address} is another client's of this import` : undefined;
  }
}

function refused({ name }: ImportEntry, reason: string): Plan {
  return { outcome: { name, outcome: "refused", reasons: [reason], addresses: [] } };
}

/** A client of this name that is there already is never touched: what is different is told. */
function present(entry: ImportEntry, there: ClientFile): Plan {
  const { name, addresses } = there;
  if (there.publicKey !== entry.publicKey)
    return refused(entry, "a client of this name exists already, with another public key");
  const fields = ["presharedKey", "addresses", "routes", "dns", "expiresAt", "tags"] as const;
  const differs = (field: (typeof fields)[number]): boolean =>
    entry[field] !== undefined && JSON.stringify(entry[field]) !== JSON.stringify(there[field]);
  const reasons = fields.filter(differs).map((field) => `${field} is another one and stays`);
  const [revokedThere, revokedHere] = [entry.revoked === true, there.revokedAt !== undefined];
  if (revokedThere && !revokedHere) reasons.unshift("is revoked in the file, but not here, and stays so");
  if (revokedHere && !revokedThere) reasons.unshift("is revoked here, but not in the file, and stays so");
  return { outcome: { name, outcome: "present", reasons, addresses } };
}

function draftOf(entry: ImportEntry, now: Date): ClientFile {
  const { name, publicKey, presharedKey, addresses, routes, dns, expiresAt, revoked, tags } = entry;
  return {
    schema: 1,
    name,
    publicKey,
    addresses: [...addresses],
    ...(routes === undefined ? {} : { routes: [...routes] }),
    ...(dns === undefined ? {} : { dns: [...dns] }),
    ...(presharedKey === undefined ? {} : { presharedKey }),
    createdAt: now.toISOString(),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revoked === true ? { revokedAt: now.toISOString() } : {}),
    tags: { ...tags },
  };
}
