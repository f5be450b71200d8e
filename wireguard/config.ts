import { isCidr } from "./addresses";
import { isKey } from "./keys";

/** The `[Interface]` section of a wg-quick file (wg-quick(8)). */
export interface InterfaceSection {
  readonly privateKey: string;
  readonly addresses: readonly string[];
  readonly dns: readonly string[];
  readonly mtu?: number;
  readonly listenPort?: number;
}

/** A `[Peer]` section (wg(8)). */
export interface PeerSection {
  readonly publicKey: string;
  readonly presharedKey?: string;
  readonly endpoint?: string;
  readonly allowedIps: readonly string[];
  readonly persistentKeepalive?: number;
}

/** A wg-quick file as values. */
export interface WgConfig {
  readonly interface: InterfaceSection;
  readonly peers: readonly PeerSection[];
}

/** What a client's file is made from. */
export interface ClientConfigInput {
  readonly privateKey: string;
  readonly addresses: readonly string[];
  readonly dns?: readonly string[];
  readonly mtu: number;
  readonly serverPublicKey: string;
  readonly presharedKey?: string;
  readonly endpoint: string;
  readonly allowedIps: readonly string[];
  readonly persistentKeepalive: number;
}

/** A wg-quick file that cannot be read: which line and what is wrong. It never repeats a key. */
export class WgConfigError extends Error {
  override readonly name = "WgConfigError";
}

/** The text of a client's wg-quick file, for a stock WireGuard client. */
export function renderClientConfig(input: ClientConfigInput): string {
  const preshared = input.presharedKey === undefined ? {} : { presharedKey: input.presharedKey };
  return renderConfig({
    interface: {
      privateKey: input.privateKey,
      addresses: input.addresses,
      dns: input.dns ?? [],
      mtu: input.mtu,
    },
    peers: [
      {
        publicKey: input.serverPublicKey,
        ...preshared,
        endpoint: input.endpoint,
        allowedIps: input.allowedIps,
        persistentKeepalive: input.persistentKeepalive,
      },
    ],
  });
}

/** The text of a wg-quick file; {@link parseConfig} reads it back to the same values. */
export function renderConfig(config: WgConfig): string {
  const { interface: own, peers } = config;
  const sections = [
    section("Interface", [
      ["PrivateKey", own.privateKey],
      ["Address", list(own.addresses)],
      ["DNS", list(own.dns)],
      ["MTU", own.mtu],
      ["ListenPort", own.listenPort],
    ]),
    ...peers.map((peer) =>
      section("Peer", [
        ["PublicKey", peer.publicKey],
        ["PresharedKey", peer.presharedKey],
        ["Endpoint", peer.endpoint],
        ["AllowedIPs", list(peer.allowedIps)],
        ["PersistentKeepalive", peer.persistentKeepalive],
      ]),
    ),
  ];
  return sections.join("\n");
}

/** Reads a wg-quick file. Keys and sections are case-insensitive, `#` starts a comment, lists may be split over lines (wg(8)). */
export function parseConfig(text: string): WgConfig {
  let own: Fields | undefined;
  const peers: Fields[] = [];
  let current: Fields | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.replace(/#.*$/, "").trim();
    if (line === "") continue;
    const where = `line ${index + 1}`;
    if (/^\[interface\]$/i.test(line)) {
      if (own !== undefined) throw new WgConfigError(`${where}: a second [Interface] section`);
      current = own = new Fields(where, INTERFACE_KEYS);
    } else if (/^\[peer\]$/i.test(line)) {
      current = new Fields(where, PEER_KEYS);
      peers.push(current);
    } else if (current === undefined) {
      throw new WgConfigError(`${where}: expected [Interface] or [Peer]`);
    } else current.add(line, where);
  }
  if (own === undefined) throw new WgConfigError("there is no [Interface] section");
  return { interface: interfaceOf(own), peers: peers.map(peerOf) };
}

const INTERFACE_KEYS = ["privatekey", "address", "dns", "mtu", "listenport"] as const;
const PEER_KEYS = ["publickey", "presharedkey", "endpoint", "allowedips", "persistentkeepalive"] as const;
const LIST_KEYS: ReadonlySet<string> = new Set(["address", "dns", "allowedips"]);

/** The keys and values of one section while it is read. */
class Fields {
  private readonly values = new Map<string, { text: string; where: string }>();

  constructor(
    readonly where: string,
    private readonly known: readonly string[],
  ) {}

  add(line: string, where: string): void {
    const equals = line.indexOf("=");
    const key = line.slice(0, Math.max(equals, 0)).trim().toLowerCase();
    if (equals < 1 || !this.known.includes(key)) {
      throw new WgConfigError(`${where}: expected one of ${this.known.join(", ")} = value`);
    }
    const text = line.slice(equals + 1).trim();
    const before = this.values.get(key);
    if (before !== undefined && !LIST_KEYS.has(key))
      throw new WgConfigError(`${where}: ${key} is there twice`);
    this.values.set(key, { text: before === undefined ? text : `${before.text}, ${text}`, where });
  }

  key(name: string): string | undefined {
    const value = this.values.get(name);
    if (value !== undefined && !isKey(value.text)) {
      throw new WgConfigError(`${value.where}: ${name} is not a key (32 bytes in base64)`);
    }
    return value?.text;
  }

  requiredKey(name: string): string {
    const value = this.key(name);
    if (value === undefined) throw new WgConfigError(`${this.where}: the section has no ${name}`);
    return value;
  }

  text(name: string): string | undefined {
    return this.values.get(name)?.text;
  }

  list(name: string): string[] {
    const text = this.values.get(name)?.text;
    if (text === undefined || text === "") return [];
    return text.split(",").map((part) => part.trim());
  }

  ranges(name: string): string[] {
    const ranges = this.list(name);
    const bad = ranges.find((range) => !isCidr(range));
    if (bad !== undefined)
      throw new WgConfigError(`${this.values.get(name)?.where}: ${bad} is not an address range`);
    return ranges;
  }

  integer(name: string, max: number): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (name === "persistentkeepalive" && value.text === "off") return 0;
    const number = /^\d+$/.test(value.text) ? Number(value.text) : Number.NaN;
    if (!(number <= max)) throw new WgConfigError(`${value.where}: ${name} is not a number from 0 to ${max}`);
    return number;
  }
}

function interfaceOf(fields: Fields): InterfaceSection {
  return {
    privateKey: fields.requiredKey("privatekey"),
    addresses: fields.ranges("address"),
    dns: fields.list("dns"),
    ...defined("mtu", fields.integer("mtu", 65535)),
    ...defined("listenPort", fields.integer("listenport", 65535)),
  };
}

function peerOf(fields: Fields): PeerSection {
  return {
    publicKey: fields.requiredKey("publickey"),
    ...defined("presharedKey", fields.key("presharedkey")),
    ...defined("endpoint", fields.text("endpoint")),
    allowedIps: fields.ranges("allowedips"),
    ...defined("persistentKeepalive", fields.integer("persistentkeepalive", 65535)),
  };
}

function defined<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: V });
}

function list(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.join(", ");
}

function section(name: string, entries: readonly (readonly [string, string | number | undefined])[]): string {
  const lines = entries.flatMap(([key, value]) => (value === undefined ? [] : [`${key} = ${value}`]));
  return `[${name}]\n${lines.join("\n")}\n`;
}
