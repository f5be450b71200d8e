import { Address4 } from "ip-address";

/** An IPv4 range as two plain numbers, which is all that the checks need. */
export interface Range {
  readonly first: number;
  readonly last: number;
  readonly prefix: number;
}

/** Parses `a.b.c.d/p`; undefined when the text is no IPv4 range. A host address inside the range counts as its range. */
export function parseRange(text: string): Range | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/.test(text) || !Address4.isValid(text)) return undefined;
  const address = new Address4(text);
  return {
    first: Number(address.startAddress().bigInt()),
    last: Number(address.endAddress().bigInt()),
    prefix: address.subnetMask,
  };
}

/** The range as it is written when its host bits are zero: `10.0.0.7/16` becomes `10.0.0.0/16`. */
export function canonical(text: string): string | undefined {
  return parseRange(text) && new Address4(text).networkForm();
}

/** Writes a range from its first address (a number) and its prefix length. */
export function formatRange(first: number, prefix: number): string {
  return `${Address4.fromInteger(first).correctForm()}/${prefix}`;
}

/** True when the two ranges share an address; false when one of them is no range. */
export function overlaps(a: string, b: string): boolean {
  const [x, y] = [parseRange(a), parseRange(b)];
  return x !== undefined && y !== undefined && x.first <= y.last && y.first <= x.last;
}

/** True when every address of `inner` lies in `outer`. */
export function contains(outer: string, inner: string): boolean {
  const [x, y] = [parseRange(outer), parseRange(inner)];
  return x !== undefined && y !== undefined && x.first <= y.first && y.last <= x.last;
}
