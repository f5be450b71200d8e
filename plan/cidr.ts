import { Address4 } from "ip-address";

/** An IPv4 range as numbers: first address and prefix length. */
export interface Range {
  readonly first: number;
  readonly prefix: number;
}

export function parseCidr(cidr: string): Range {
  const address = new Address4(cidr);
  return { first: Number(address.startAddress().bigInt()), prefix: address.subnetMask };
}

export function formatCidr(range: Range): string {
  return `${Address4.fromBigInt(BigInt(range.first)).correctForm()}/${range.prefix}`;
}

export function size(prefix: number): number {
  return 2 ** (32 - prefix);
}

/** The first range of that size that starts after `range` ends. */
export function nextRange(range: Range, prefix: number): Range {
  const end = range.first + size(range.prefix);
  return { first: Math.ceil(end / size(prefix)) * size(prefix), prefix };
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first < b.first + size(b.prefix) && b.first < a.first + size(a.prefix);
}
