import type { PeerSpec } from "../../wireguard/diff";

/** What is needed to know where each client's packets go. */
export interface HoldersOptions {
  readonly instance: string;
  /** Which server has the client's newest session; undefined when none has. */
  readonly holder: (publicKey: string) => string | undefined;
  readonly peer: (publicKey: string) => PeerSpec | undefined;
  readonly addressOf: (instance: string) => string | undefined;
  readonly lead: (address: string, server: string | undefined) => void;
}

/**
 * Leads each client's addresses to the server that holds it. Pure but for what it is given.
 *
 * INVARIANTS: an address belongs to one key; while a client's key is replaced, the key that has the address in the interface counts.
 * A client that nobody holds, or this server, has no route here.
 */
export class ClientHolders {
  /** Addresses that a key has brought in, and the key of each. */
  private readonly addresses = new Map<string, readonly string[]>();
  private readonly owners = new Map<string, string>();
  private readonly at = new Map<string, string>();

  constructor(private readonly options: HoldersOptions) {}

  /** Looks again where these clients are. */
  update(publicKeys: Iterable<string>): void {
    const { peer, lead } = this.options;
    for (const publicKey of publicKeys) {
      const holder = this.elsewhere(publicKey);
      const addresses = holder === undefined ? [] : (peer(publicKey)?.allowedIps ?? []);
      const server = holder === undefined ? undefined : this.options.addressOf(holder);
      for (const address of this.addresses.get(publicKey) ?? []) {
        if (this.owners.get(address) !== publicKey || (server !== undefined && addresses.includes(address)))
          continue;
        this.owners.delete(address);
        lead(address, undefined);
      }
      this.keep(publicKey, holder, server === undefined ? [] : addresses);
      if (server === undefined) continue;
      for (const address of addresses) {
        this.owners.set(address, publicKey);
        lead(address, server);
      }
    }
  }

  /** Looks again at all that these servers hold, because they are reached elsewhere now. */
  moved(instances: ReadonlySet<string>): void {
    this.update([...this.at].flatMap(([publicKey, holder]) => (instances.has(holder) ? publicKey : [])));
  }

  private keep(publicKey: string, holder: string | undefined, addresses: readonly string[]): void {
    if (holder === undefined) this.at.delete(publicKey);
    else this.at.set(publicKey, holder);
    if (addresses.length === 0) this.addresses.delete(publicKey);
    else this.addresses.set(publicKey, addresses);
  }

  /** The other server that holds the client. A server's second interface (`<instance>.next`) is the same server. */
  private elsewhere(publicKey: string): string | undefined {
    const holder = this.options.holder(publicKey)?.replace(/\.next$/, "");
    return holder === this.options.instance ? undefined : holder;
  }
}
