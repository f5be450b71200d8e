import { Address4, Address6 } from "ip-address";
import { type ImportEntry, importEntrySchema } from "../control/protocol";
import { mayHoldKey } from "../control/redact";
import { shortened } from "../control/visible";
import { isUsablePublicKey, UNUSABLE_PUBLIC_KEY, ZERO_KEY } from "../wireguard/keys";
import { giveNames } from "./names";
import type { Candidate, Refusal } from "./types";

/** Candidates as entries, with everything that was changed or left out. */
export interface Accepted {
  readonly entries: readonly ImportEntry[];
  readonly refused: readonly Refusal[];
  readonly notes: readonly string[];
}

/** Makes entries of what a file holds: valid names, IPv4 addresses of the client's own, no key twice. */
export function acceptCandidates(candidates: readonly Candidate[], now: Date): Accepted {
  const refused: Refusal[] = [];
  const notes: string[] = [];
  const usable = withUsableKeys(candidates, refused).map((candidate) =>
    mayHoldKey(candidate.wantedName ?? "") ? { ...candidate, wantedName: undefined } : candidate,
  );
  const names = giveNames(usable.map(({ wantedName, publicKey }) => ({ wanted: wantedName, publicKey })));
  const entries = usable.flatMap((candidate, index) => {
    const name = names[index] ?? "";
    if (candidate.problem !== undefined) {
      refused.push({ where: `${candidate.where} (${name})`, reason: candidate.problem });
      return [];
    }
    const said: string[] = [];
    const draft = entryOf(candidate, name, now, said);
    const parsed = importEntrySchema.safeParse(draft);
    if (parsed.success) {
      if (candidate.wantedName === undefined)
        said.unshift("has no name in the file, so it is named by its key");
      else if (candidate.wantedName !== name)
        said.unshift(`is called ${show(candidate.wantedName)} in the file`);
      notes.push(...said.map((text) => `${name} (${candidate.where}): ${text}`));
      return [parsed.data];
    }
    refused.push({ where: `${candidate.where} (${name})`, reason: whyNot(draft, parsed.error.issues) });
    return [];
  });
  return { entries, refused, notes };
}

/** A text from a foreign file inside a message: one line, not too long, nothing in it that a terminal would act on. */
export function show(text: string): string {
  if (mayHoldKey(text)) return "(a text that may hold a key)";
  return shortened(text, 80);
}

function withUsableKeys(candidates: readonly Candidate[], refused: Refusal[]): Candidate[] {
  const seen = new Map<string, string>();
  return candidates.filter(({ where, publicKey }) => {
    const reason = !isUsablePublicKey(publicKey)
      ? `its public key is missing or not usable (${UNUSABLE_PUBLIC_KEY})`
      : seen.has(publicKey)
        ? `it has the same public key as ${seen.get(publicKey)}`
        : undefined;
    if (reason !== undefined) refused.push({ where, reason });
    else seen.set(publicKey, where);
    return reason === undefined;
  });
}

function entryOf(candidate: Candidate, name: string, now: Date, said: string[]): ImportEntry {
  const { publicKey, presharedKey, tags } = candidate;
  const routes = ipv4Ranges(candidate.routes ?? [], said);
  const dns = candidate.dns ?? [];
  const past = candidate.expiresAt !== undefined && Date.parse(candidate.expiresAt) <= now.getTime();
  if (past) said.push(`expired on ${candidate.expiresAt}, so it is imported as revoked`);
  else if (candidate.disabled === true) said.push("is disabled in the file, so it is imported as revoked");
  return {
    name,
    publicKey,
    addresses: hosts(candidate.addresses, said),
    // Zeros are what WireGuard says for "none" (wg(8)).
    ...(presharedKey === undefined || presharedKey === ZERO_KEY ? {} : { presharedKey }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(dns.length === 0 ? {} : { dns: [...dns] }),
    ...(candidate.expiresAt === undefined || past ? {} : { expiresAt: candidate.expiresAt }),
    ...(past || candidate.disabled === true ? { revoked: true } : {}),
    ...(tags === undefined || Object.keys(tags).length === 0 ? {} : { tags: { ...tags } }),
  };
}

/** The client's own IPv4 addresses. Inside the tunnel the cluster speaks IPv4 only, and it routes nothing behind a client. */
function hosts(addresses: readonly string[], said: string[]): string[] {
  const kept = new Set<string>();
  for (const text of addresses) {
    const [address = "", length = "32"] = text.split("/");
    if (Address6.isValid(text))
      said.push(`the IPv6 address ${show(text)} is left out: inside the tunnel there is only IPv4`);
    else if (!Address4.isValid(text)) said.push(`${show(text)} is left out: it is no address`);
    else if (length !== "32")
      said.push(`the network ${show(text)} is left out: the cluster routes nothing behind a client`);
    else kept.add(`${address}/32`);
  }
  return [...kept];
}

function ipv4Ranges(ranges: readonly string[], said: string[]): string[] {
  const kept: string[] = [];
  for (const text of ranges) {
    const range = text.includes("/") ? text : `${text}/32`;
    if (Address4.isValid(range)) kept.push(range);
    else said.push(`the route ${show(text)} is left out: inside the tunnel there is only IPv4`);
  }
  return kept;
}

function whyNot(
  draft: ImportEntry,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  if (draft.addresses.length === 0)
    return "it has no IPv4 address of its own (one with /32): is the file a client's, not a server's?";
  return issues.map(({ path, message }) => `${path.map(String).join(".")} ${message}`).join("; ");
}
