import type { ClientFile } from "../registry/schema";
import type { PeerSpec } from "../wireguard/diff";

interface Entry {
  readonly client: ClientFile;
  readonly expiresAt: number;
  readonly createdAt: number;
  /** The keys of before, while they may still be used. */
  readonly former: Former | undefined;
  /** What only one client may have: its public keys and its addresses. */
  readonly claims: readonly string[];
}

interface Former {
  readonly publicKey: string;
  readonly presharedKey: string | undefined;
  readonly until: number;
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
 * A client whose key is being replaced has two peers until the new key was used for the first time, or the limit passes: the
 * former key's holds the addresses, the new key's has none and can only shake hands, because WireGuard gives an address to one
 * peer only. Where only the preshared key was replaced there is one public key, so one peer: the new one counts at once, and a
 * session goes on until its next handshake.
 *
 * INVARIANTS: `peers` holds exactly the clients that are neither revoked nor expired, and never two that claim one key or one
 * address: of those the older one wins (then the first by name), so all servers decide alike. A new key that was used stays
 * so, whatever else changes about its client. A change costs as much as the clients it touches, however many there are.
 */
export class ClientTable {
  /** The name of the server's own peer: no client's, because clients' names have no blank. */
  private static readonly OWN = "this server's probe";

  private readonly entries = new Map<string, Entry>();
  private readonly claimants = new Map<string, Set<string>>();
  private readonly desired = new Map<string, PeerSpec>();
  private readonly expiring = new Map<string, number>();
  private readonly losers = new Map<string, string>();
  /** The public keys that each client's peers were last desired with. */
  private readonly peersOf = new Map<string, string[]>();
  /** New keys that have not been used yet, each with the name of its client. */
  private readonly pending = new Map<string, string>();
  /** New keys that have been used, on whichever server. */
  private readonly used = new Set<string>();

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

  /** New keys whose first handshake is waited for. */
  get awaited(): ReadonlyMap<string, unknown> {
    return this.pending;
  }

  /** Whether any client, whatever its state, has this public key. */
  knows(publicKey: string): boolean {
    return this.claimants.has(publicKey);
  }

  /** New keys that have been used and whose clients' files still name a former one. */
  usedKeys(): string[] {
    return [...this.entries.values()].flatMap(({ client }) =>
      client.previous !== undefined && this.used.has(client.publicKey) ? client.publicKey : [],
    );
  }

  /** New keys that have been used, perhaps of clients that are not known yet; returns whose peers may have changed. */
  use(publicKeys: Iterable<string>, now: number): Set<string> {
    const affected = new Set<string>();
    for (const publicKey of publicKeys) {
      this.used.add(publicKey);
      const name = this.pending.get(publicKey);
      if (name === undefined) continue;
      for (const key of this.update(name, this.entries.get(name)?.client, now)) affected.add(key);
    }
    return affected;
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

  /** When the next client or former key expires (milliseconds of the wall clock), or undefined. */
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
    if (before !== undefined && before.client.publicKey !== client?.publicKey)
      this.used.delete(before.client.publicKey);
    if (client === undefined) this.entries.delete(name);
    else this.insert(name, client, now, rivals);
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

  /** Lets clients and former keys go whose time is over; returns the public keys whose peers may have changed. */
  expire(now: number): Set<string> {
    const affected = new Set<string>();
    for (const [name, at] of [...this.expiring]) {
      if (at > now) continue;
      for (const key of this.update(name, this.entries.get(name)?.client, now)) affected.add(key);
    }
    return affected;
  }

  private insert(name: string, client: ClientFile, now: number, rivals: Set<string>): void {
    const former = formerOf(client, now);
    const keys = former === undefined ? [client.publicKey] : [client.publicKey, former.publicKey];
    const claims = [...keys, ...client.addresses];
    this.entries.set(name, {
      client,
      former,
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
    for (const publicKey of this.peersOf.get(name) ?? []) {
      affected.add(publicKey);
      this.desired.delete(publicKey);
      this.pending.delete(publicKey);
    }
    this.peersOf.delete(name);
    this.losers.delete(name);
    this.expiring.delete(name);
  }

  private decide(name: string, now: number, affected: Set<string>): void {
    const entry = this.entries.get(name);
    if (entry === undefined || !isActive(entry, now)) return;
    const ends = Math.min(entry.expiresAt, entry.former?.until ?? Number.POSITIVE_INFINITY);
    if (ends !== Number.POSITIVE_INFINITY) this.expiring.set(name, ends);
    const winner = this.rivalOf(name, entry, now);
    if (winner !== undefined) {
      this.losers.set(
        name,
        `client ${name} has the public key or an address of ${winner === ClientTable.OWN ? winner : `client ${winner}`} and is left out`,
      );
      return;
    }
    const peers = this.peersFor(entry);
    this.peersOf.set(
      name,
      peers.map(({ publicKey }) => publicKey),
    );
    if (peers.length > 1) this.pending.set(entry.client.publicKey, name);
    for (const peer of peers) {
      this.desired.set(peer.publicKey, peer);
      affected.add(peer.publicKey);
    }
  }

  private peersFor({ client, former }: Entry): PeerSpec[] {
    const { publicKey, presharedKey, addresses } = client;
    if (former === undefined || this.used.has(publicKey))
      return [{ publicKey, presharedKey, allowedIps: addresses }];
    return [
      { publicKey: former.publicKey, presharedKey: former.presharedKey, allowedIps: addresses },
      { publicKey, presharedKey, allowedIps: [] },
    ];
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

function formerOf({ publicKey, previous }: ClientFile, now: number): Former | undefined {
  if (previous === undefined || previous.publicKey === publicKey) return undefined;
  const until = Date.parse(previous.until);
  return until > now
    ? { publicKey: previous.publicKey, presharedKey: previous.presharedKey, until }
    : undefined;
}

function isActive({ client, expiresAt }: Entry, now: number): boolean {
  return client.revokedAt === undefined && expiresAt > now;
}
