import { isKey, publicKeyOf } from "../wireguard/keys";
import { acceptCandidates } from "./candidates";
import { nameInComments } from "./comments";
import type { Candidate, Parsed } from "./types";

/** Keys of wg-quick(8) and wg(8) that say what the old server did; the cluster's own configuration decides that here. */
const SERVERS_OWN = ["preup", "postup", "predown", "postdown", "dns", "mtu", "table", "fwmark", "saveconfig"];
/** AmneziaWG's keys: its clients send other packets than WireGuard's, however the keys are. */
const AMNEZIA = /^(jc|jmin|jmax|s[1-4]|h[1-4]|i[1-5])$/;

/** A section while it is read. */
interface Section {
  readonly kind: "interface" | "peer";
  readonly line: number;
  readonly values: Map<string, string>;
  readonly comments: string[];
}

/**
 * A server's wg-quick file. Names come from comments, in the forms that the usual installers write. The server's private key
 * is only used to say its public key.
 */
export function parseWgQuick(text: string, now: Date): Parsed {
  const { sections, notes } = readSections(text);
  const server = sections.find(({ kind }) => kind === "interface");
  const privateKey = server?.values.get("privatekey") ?? "";
  notes.push(...leftOut(sections));
  const accepted = acceptCandidates(sections.filter(({ kind }) => kind === "peer").map(candidateOf), now);
  return {
    format: "wg-quick",
    entries: accepted.entries,
    refused: accepted.refused,
    notes: [...notes, ...accepted.notes],
    ...(isKey(privateKey) ? { serverPublicKey: publicKeyOf(privateKey) } : {}),
  };
}

/** Reads a file line by line. */
function readSections(text: string): { sections: Section[]; notes: string[] } {
  const reader = new SectionReader();
  for (const [index, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const hash = raw.indexOf("#");
    const content = (hash < 0 ? raw : raw.slice(0, hash)).trim();
    if (content !== "") reader.content(content, index + 1);
    if (hash >= 0) reader.comment(raw.slice(hash).trim(), index + 1, content !== "");
    else if (content === "") reader.blank();
  }
  return reader;
}

/**
 * Decides which section a comment is about: one between a section's lines, or behind one of them, about that section; one
 * after its last line about the same peer when a blank line follows and none stands before it, else about the next section.
 */
class SectionReader {
  readonly sections: Section[] = [];
  readonly notes: string[] = [];
  private waiting: string[] = [];
  /** Whether a blank line stands between the last setting and here. */
  private apart = false;

  content(content: string, line: number): void {
    const header = /^\[(interface|peer)\]$/i.exec(content)?.[1]?.toLowerCase();
    const current = this.sections.at(-1);
    this.apart = false;
    if (header === "interface" || header === "peer") {
      this.sections.push({ kind: header, line, values: new Map(), comments: this.waiting });
    } else if (current !== undefined) {
      current.comments.push(...this.waiting);
      addValue(current, content, line, this.notes);
    } else this.notes.push(`line ${line} is left out: it stands before any section`);
    this.waiting = [];
  }

  comment(comment: string, line: number, behindContent: boolean): void {
    if (/^#+\s*\[peer\]/i.test(comment))
      this.notes.push(`line ${line}: a peer that is commented out is left out`);
    else if (behindContent) this.sections.at(-1)?.comments.push(comment);
    else this.waiting.push(comment);
  }

  blank(): void {
    const current = this.sections.at(-1);
    if (this.waiting.length > 0) {
      if (current?.kind === "peer" && !this.apart) {
        current.comments.push(...this.waiting);
        this.waiting = [];
      } else this.waiting.push(""); // what stands above it is not near the header below
    }
    this.apart = true;
  }
}

function addValue(section: Section, content: string, line: number, notes: string[]): void {
  const equals = content.indexOf("=");
  if (equals < 1) {
    notes.push(`line ${line} is left out: it is not of the form key = value`);
    return;
  }
  const key = content.slice(0, equals).trim().toLowerCase();
  const value = content.slice(equals + 1).trim();
  const before = section.values.get(key);
  // wg(8): AllowedIPs and Address may be given several times.
  const list = key === "allowedips" || key === "address";
  section.values.set(key, list && before !== undefined ? `${before}, ${value}` : value);
}

function candidateOf(section: Section): Candidate {
  const preshared = section.values.get("presharedkey");
  return {
    where: `line ${section.line}`,
    wantedName: nameInComments(section.comments),
    publicKey: section.values.get("publickey") ?? "",
    ...(preshared === undefined || preshared === "" ? {} : { presharedKey: preshared }),
    addresses: listOf(section.values.get("allowedips")),
  };
}

function listOf(text: string | undefined): string[] {
  return (text ?? "").split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
}

/** One note for each thing of the old server that is not taken over. */
function leftOut(sections: readonly Section[]): string[] {
  const notes: string[] = [];
  const own = sections.filter(({ kind }) => kind === "interface").flatMap(({ values }) => [...values.keys()]);
  const ignored = own.filter((key) => SERVERS_OWN.includes(key));
  if (ignored.length > 0)
    notes.push(`[Interface]: ${ignored.join(", ")} left out; the cluster's configuration decides that here`);
  if (own.some((key) => AMNEZIA.test(key)))
    notes.push(
      "[Interface] has AmneziaWG's settings: its clients do not talk to a WireGuard server as they are",
    );
  for (const { kind, line, values } of sections) {
    if (kind === "peer" && values.has("endpoint"))
      notes.push(
        `line ${line}: Endpoint left out; servers here never call, so a site that expects it has to call itself`,
      );
  }
  return notes;
}
