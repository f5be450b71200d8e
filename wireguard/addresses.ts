import { Address4, Address6 } from "ip-address";

/** The IPv4 range of the tunnel, as numbers; clients get addresses from `firstClient` to `lastClient`. */
interface TunnelRange {
  readonly server: number;
  readonly firstClient: number;
  readonly lastClient: number;
  readonly probe: number;
  readonly prefix: number;
}

const CANONICAL_HOST =
  /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\/32$/;

/** Whether the text is an IPv4 or IPv6 range in CIDR form; an address without a length is refused. */
export function isCidr(text: string): boolean {
  // A zone (fe80::1%eth0) names an interface of one machine, and WireGuard's allowed IPs have none (wg(8)).
  return text.includes("/") && !text.includes("%") && (Address4.isValid(text) || Address6.isValid(text));
}

/** Whether the text is one host in CIDR form: `/32` for IPv4, `/128` for IPv6. */
export function isHostCidr(text: string): boolean {
  if (CANONICAL_HOST.test(text)) return true; // as canonicalCidr: each client that is read has one
  if (Address4.isValid(text)) return text.endsWith("/32");
  return Address6.isValid(text) && text.endsWith("/128") && !text.includes("%");
}

/** A range as `wg` prints it: host bits cleared, IPv6 compressed, always with a length. Throws on anything else. */
export function canonicalCidr(text: string): string {
  // The usual input, one IPv4 host, is already canonical; parsing 100,000 of them on each start would cost a second.
  if (CANONICAL_HOST.test(text)) return text;
  if (Address4.isValid(text)) {
    const parsed = new Address4(text);
    return `${parsed.startAddress().correctForm()}/${parsed.subnetMask}`;
  }
  if (!Address6.isValid(text)) throw new RangeError(`${text} is not an address range`);
  const parsed = new Address6(text);
  return `${parsed.startAddress().correctForm()}/${parsed.subnetMask}`;
}

/** Whether one range lies wholly inside another of the same family. */
export function isInside(inner: string, outer: string): boolean {
  const v4 = Address4.isValid(inner);
  if (v4 !== Address4.isValid(outer)) return false;
  return v4
    ? new Address4(inner).isInSubnet(new Address4(outer))
    : new Address6(inner).isInSubnet(new Address6(outer));
}

/** The servers' own tunnel address: the first host of the range, with the range's length (`10.100.0.1/16`). */
export function serverAddress(tunnel: string): string {
  const range = tunnelRange(tunnel);
  return `${dotted(range.server)}/${range.prefix}`;
}

/** The tunnel address of each server's own probe: the last host of the range, without a length; never a client's. */
export function probeAddress(tunnel: string): string {
  return dotted(tunnelRange(tunnel).probe);
}

/** How many clients fit into the tunnel's range. */
export function clientCapacity(tunnel: string): number {
  const range = tunnelRange(tunnel);
  return range.lastClient - range.firstClient + 1;
}

/**
 * Free client addresses of the tunnel's range, lowest first, without network, broadcast, the servers' and the
 * probes' address.
 * Lazy, because the caller has to claim each candidate and another writer may be faster.
 */
export function* freeAddresses(tunnel: string, taken: ReadonlySet<string>): Generator<string> {
  const range = tunnelRange(tunnel);
  for (let host = range.firstClient; host <= range.lastClient; host++) {
    const address = dotted(host);
    if (!taken.has(address)) yield address;
  }
}

/**
 * All client addresses of the tunnel's range once, beginning at `from` and going round at the end; from the first one where `from`
 * is none of them.
 */
export function* clientAddresses(tunnel: string, from?: string): Generator<string> {
  const { firstClient, lastClient } = tunnelRange(tunnel);
  const wanted = from !== undefined && isClientAddress(tunnel, from) ? numberOf(from) : firstClient;
  for (let host = wanted; host <= lastClient; host++) yield dotted(host);
  for (let host = firstClient; host < wanted; host++) yield dotted(host);
}

/** Whether a client may have this address (IPv4, without a length): inside the range, none of those that are not for clients. */
export function isClientAddress(tunnel: string, address: string): boolean {
  if (address.includes("/") || !Address4.isValid(address)) return false;
  const { firstClient, lastClient } = tunnelRange(tunnel);
  const host = numberOf(address);
  return host >= firstClient && host <= lastClient;
}

/** The lowest free client address of the tunnel's range (without a length), or undefined when the range is full. */
export function allocateAddress(tunnel: string, taken: ReadonlySet<string>): string | undefined {
  const first = freeAddresses(tunnel, taken).next();
  return first.done === true ? undefined : first.value;
}

/** Whether the text can be the tunnel's range: IPv4, from /8 to /29, without host bits. */
export function isTunnelRange(text: string): boolean {
  if (!Address4.isValid(text) || !text.includes("/")) return false;
  const { subnetMask } = new Address4(text);
  return subnetMask >= 8 && subnetMask <= 29 && canonicalCidr(text) === text;
}

function tunnelRange(tunnel: string): TunnelRange {
  if (!Address4.isValid(tunnel) || !tunnel.includes("/"))
    throw new RangeError(`${tunnel} is not an IPv4 range`);
  const parsed = new Address4(tunnel);
  if (parsed.subnetMask > 29) {
    throw new RangeError(
      `${tunnel} has no room for a server, its probe and a client; the longest prefix is /29`,
    );
  }
  const network = Number(parsed.startAddress().bigInt());
  const broadcast = Number(parsed.endAddress().bigInt());
  return {
    server: network + 1,
    firstClient: network + 2,
    lastClient: broadcast - 2,
    probe: broadcast - 1,
    prefix: parsed.subnetMask,
  };
}

function numberOf(address: string): number {
  return Number(new Address4(address).bigInt());
}

function dotted(host: number): string {
  return `${Math.floor(host / 0x1000000)}.${(host >>> 16) & 255}.${(host >>> 8) & 255}.${host & 255}`;
}
