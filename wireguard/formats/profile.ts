import { Address4 } from "ip-address";
import type { ClientConfigInput } from "../config";

/** The interface's name in files that have to name one; at most 15 characters on Linux (IFNAMSIZ). */
export const INTERFACE = "wgc0";

/** What a client's files are made from: its name and what its tunnel consists of. */
export interface Profile extends ClientConfigInput {
  readonly name: string;
}

/** A file of a client's configuration. */
export interface ConfigFile {
  /** Its name's end, with the dot. */
  readonly suffix: string;
  readonly text: string;
}

/** Host and port of an endpoint; an IPv6 address loses its brackets. */
export function splitEndpoint(endpoint: string): { readonly host: string; readonly port: string } {
  const colon = endpoint.lastIndexOf(":");
  return { host: endpoint.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: endpoint.slice(colon + 1) };
}

/** Addresses and ranges by family. */
export function byFamily(ranges: readonly string[]): { readonly v4: string[]; readonly v6: string[] } {
  return {
    v4: ranges.filter((range) => Address4.isValid(range)),
    v6: ranges.filter((range) => !Address4.isValid(range)),
  };
}

/** What `DNS =` of wg-quick mixes (wg-quick(8)): addresses of servers, and search domains. */
export function splitDns(dns: readonly string[]): { readonly servers: string[]; readonly domains: string[] } {
  const isAddress = (text: string): boolean => Address4.isValid(text) || text.includes(":");
  return { servers: dns.filter(isAddress), domains: dns.filter((entry) => !isAddress(entry)) };
}

/** Whether everything is sent through the tunnel. */
export function isDefaultRoute(range: string): boolean {
  return range.endsWith("/0");
}
