import { isIP, isIPv6 } from "node:net";

/** One label of a host name (RFC 1123 section 2.1): letters, digits and hyphens, 63 at most, none at the ends. */
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Whether the text is a host or domain name of letters, digits, hyphens and dots; never an IPv4 address, not even a wrong one. */
export function isHostName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  if (text.length > 253 || !labels.every((label) => LABEL.test(label))) return false;
  // No top-level domain is a number, so that host names and addresses cannot be mixed up (RFC 1123 section 2.1).
  return /[A-Za-z]/.test(labels.at(-1) ?? "");
}

/** Whether the text can stand behind `DNS =` in a wg-quick file: the address of a DNS server, or a search domain. */
export function isDnsEntry(text: string): boolean {
  return (isIP(text) !== 0 && !text.includes("%")) || isHostName(text);
}

/**
 * Whether the text is an endpoint as `wg` takes it (wg(8)): host name or IPv4 address, or an IPv6 address in brackets, then a
 * colon and a UDP port. Whatever a client's configuration file says comes from here: a line break in it would be a line of that file,
 * and wg-quick runs what `PostUp` says.
 */
export function isEndpoint(text: string): boolean {
  const [, host = "", port = ""] = /^([^\s]+):(\d{1,5})$/.exec(text) ?? [];
  if (Number(port) < 1 || Number(port) > 65_535) return false;
  const bracketed = /^\[(.*)\]$/.exec(host)?.[1];
  if (bracketed !== undefined) return isIPv6(bracketed) && !bracketed.includes("%");
  return isIP(host) === 4 || isHostName(host);
}
