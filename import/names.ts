import { isClientName, keyFileName } from "../registry/layout";

/** Longest client name (registry/layout.ts). */
const LONGEST = 63;

/** Who wants which name. */
export interface NameWish {
  readonly wanted: string | undefined;
  readonly publicKey: string;
}

/**
 * Valid, distinct names, one for each wish in its order. A name that is valid already goes to the first who wants it, whoever
 * stands before with one that has to be changed; the others are changed as little as possible and numbered where they meet.
 */
export function giveNames(wishes: readonly NameWish[]): string[] {
  const taken = new Set<string>();
  const given = wishes.map(({ wanted }) => {
    if (wanted === undefined || !isClientName(wanted) || taken.has(wanted)) return undefined;
    taken.add(wanted);
    return wanted;
  });
  return wishes.map((wish, index) => {
    const name = given[index] ?? numbered(toClientName(wish.wanted) ?? nameOfKey(wish.publicKey), taken);
    taken.add(name);
    return name;
  });
}

/** The text as a client name: lower case, accents off, everything else that is not allowed a hyphen; undefined when nothing is left. */
export function toClientName(text: string | undefined): string | undefined {
  const name = (text ?? "")
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[._-]+/, "")
    .slice(0, LONGEST)
    .replace(/[._-]+$/, "");
  return isClientName(name) ? name : undefined;
}

/** A name for a client that has none: the beginning of its public key, in hexadecimal because base64 knows upper case. */
function nameOfKey(publicKey: string): string {
  return `client-${keyFileName(publicKey).slice(0, 8)}`;
}

function numbered(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name;
  for (let number = 2; ; number++) {
    const suffix = `-${number}`;
    const candidate = `${name.slice(0, LONGEST - suffix.length)}${suffix}`;
    if (!taken.has(candidate)) return candidate;
  }
}
