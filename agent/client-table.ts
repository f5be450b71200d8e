import type { ClientFile } from "../registry/schema";
import type { PeerSpec } from "../wireguard/diff";

interface Entry {
  readonly client: ClientFile;
  readonly expiresAt: number;
  readonly createdAt: number;
  /** What only one client may have: its public key and its addresses. */
  readonly claims: readonly string[];
}

/** A peer that this server has besides its clients. */
export interface ReservedPeer {
  readonly publicKey: string;
  /** Without a length. */
  readonly address: string;
}

/**
 * The clients this server knows and the peers that follow from them. Pure: time comes in as an argument.
 *
 * INVARIANTS: `peers` holds exactly the clients that are neither revoked nor expired, and never two that claim one key or one
 * address: of those the older one wins (then the first by name), so all servers decide alike. A change costs as much as the
 * clients it touches, however many there are.
 */
export class ClientTable {
  /** The name of the server's own peer: no client's, because clients' names have no blank. */
  private static readonly OWN = "this server's probe";

  private readonly entries = new Map<string, Entry>();
  private readonly claimants = new Map<string, Set<string>>();
  private readonly desired = new Map<string, PeerSpec>();
  private readonly expiring = new Map<string, number>();
  private readonly losers = new Map<string, string>();
  /** The public key that each client's peer was last desired with. */
  private readonly peerOf = new Map<string, string>();

  /** `own`: a peer that this server has besides its clients, always, and before any client that claims its key or address. */
  constructor(own?: ReservedPeer) {
    if (own === undefined) return;
    const { publicKey, address } = own;
    const createdAt = new Date(-8.64e15).toISOString(); // the oldest there can be: the older claim wins
    const addresses = [`${address}/32`];
    this.update(
      ClientTable.OWN,
      { schema: 1, name: ClientTable.OWN, publicKey, addresses, createdAt, tags: {} },
      0,
    );
  }

  /** The peers that this server shall have, by public key. */
  get peers(): ReadonlyMap<string, PeerSpec> {
    return this.desired;
  }

  /** All known clients, whatever their state. */
  clients(): ClientFile[] {
    return [...this.entries.values()].flatMap(({ client }) =>
      client.name === ClientTable.OWN ? [] : client,
    );
  }

  /** Clients that are left out because another one has their key or address, as readable lines. */
  conflicts(): string[] {
    return [...this.losers.values()];
  }

  /** When the next client expires (milliseconds of the wall clock), or undefined. */
  nextExpiry(): number | undefined {
    let next: number | undefined;
    for (const at of this.expiring.values()) if (next === undefined || at < next) next = at;
    return next;
  }

  /** Takes a client's new state over, or forgets it; returns the public keys whose peers may have changed. */
  update(name: string, client: ClientFile | undefined, now: number): Set<string> {
    const affected = new Set<string>();
    const rivals = new Set([name]);
    const before = this.entries.get(name);
    for (const claim of before?.claims ?? []) {
      const names = this.claimants.get(claim);
      names?.delete(name);
      if (names?.size === 0) this.claimants.delete(claim);
      for (const rival of names ?? []) rivals.add(rival);
    }
    if (client === undefined) this.entries.delete(name);
    else this.insert(name, client, rivals);
    // All step back before any is decided: a key that passes from one client to another must not be taken away again.
    for (const rival of rivals) this.withdraw(rival, affected);
    for (const rival of rivals) this.decide(rival, now, affected);
    return affected;
  }

  /** Makes exactly these clients the known ones. */
  replaceAll(clients: Iterable<ClientFile>, now: number): void {
    const next = new Map([...clients].map((client) => [client.name, client]));
    for (const name of [...this.entries.keys()])
      if (!next.has(name) && name !== ClientTable.OWN) this.update(name, undefined, now);
    for (const [name, client] of next) this.update(name, client, now);
  }

  /** Lets clients go whose time is over; returns the public keys whose peers may have changed. */
  expire(now: number): Set<string> {
    const affected = new Set<string>();
    for (const [name, at] of [...this.expiring]) {
      if (at > now) continue;
      for (const key of this.update(name, this.entries.get(name)?.client, now)) affected.add(key);
    }
    return affected;
  }

  private insert(name: string, client: ClientFile, rivals: Set<string>): void {
    const claims = [client.publicKey, ...client.addresses];
    this.entries.set(name, {
      client,
      expiresAt: client.expiresAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(client.expiresAt),
      createdAt: Date.parse(client.createdAt),
      claims,
    });
    for (const claim of claims) {
      const names = this.claimants.get(claim) ?? new Set();
      for (const rival of names) rivals.add(rival);
      this.claimants.set(claim, names.add(name));
    }
  }

  private withdraw(name: string, affected: Set<string>): void {
    const before = this.peerOf.get(name);
    if (before !== undefined) {
      affected.add(before);
      this.desired.delete(before);
      this.peerOf.delete(name);
    }
    this.losers.delete(name);
    this.expiring.delete(name);
  }

  private decide(name: string, now: number, affected: Set<string>): void {
    const entry = this.entries.get(name);
    if (entry === undefined || !isActive(entry, now)) return;
    if (entry.expiresAt !== Number.POSITIVE_INFINITY) this.expiring.set(name, entry.expiresAt);
    const winner = this.rivalOf(name, entry, now);
    if (winner !== undefined) {
      this.losers.set(
        name,
        `client ${name} has the public key or an address of ${winner === ClientTable.OWN ? winner : `client ${winner}`} and is left out`,
      );
      return;
    }
    const { publicKey, presharedKey, addresses } = entry.client;
    this.desired.set(publicKey, { publicKey, presharedKey, allowedIps: addresses });
    this.peerOf.set(name, publicKey);
    affected.add(publicKey);
  }

  private rivalOf(name: string, entry: Entry, now: number): string | undefined {
    for (const claim of entry.claims) {
      for (const other of this.claimants.get(claim) ?? []) {
        const rival = this.entries.get(other);
        if (other === name || rival === undefined || !isActive(rival, now)) continue;
        const older = rival.createdAt - entry.createdAt || (other < name ? -1 : 1);
        if (older < 0) return other;
      }
    }
    return undefined;
  }
}

function isActive({ client, expiresAt }: Entry, now: number): boolean {
  return client.revokedAt === undefined && expiresAt > now;
}
