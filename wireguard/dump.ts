import { atOnce, inTurns, TURN } from "./turns";

/** What `wg show <interface> dump` says about the interface. The private key is left out on purpose: nobody needs it. */
export interface DumpInterface {
  readonly publicKey: string | undefined;
  readonly listenPort: number;
  readonly fwmark: number | undefined;
}

/** One peer of a dump. */
export interface Peer {
  readonly publicKey: string;
  readonly presharedKey: string | undefined;
  readonly endpoint: string | undefined;
  readonly allowedIps: readonly string[];
  /** Unix time of the latest handshake in seconds; 0 when there was none. */
  readonly latestHandshake: number;
  readonly rxBytes: number;
  readonly txBytes: number;
  /** Seconds; 0 when off. */
  readonly persistentKeepalive: number;
}

/** A parsed `wg show <interface> dump`. */
export interface Dump {
  readonly interface: DumpInterface;
  readonly peers: readonly Peer[];
}

/** A dump that is not in the documented format (wg(8), "show"). Its message never repeats the line: it may hold keys. */
export class DumpError extends Error {
  override readonly name = "DumpError";
}

/** Parses the output of `wg show <interface> dump`: one line for the interface, one for each peer, tab separated (wg(8)). */
export function parseDump(text: string): Dump {
  return atOnce(parsing(text));
}

/** The same, in turns. */
export function parseDumpInTurns(text: string): Promise<Dump> {
  return inTurns(parsing(text));
}

function* parsing(text: string): Generator<void, Dump> {
  if (text === "") throw new DumpError("wg dump is empty");
  const lines = linesOf(text);
  const head = parseInterface(lines.next().value ?? "");
  const peers: Peer[] = [];
  for (const line of lines) {
    peers.push(parsePeer(line, peers.length + 2));
    if (peers.length % TURN === 0) yield;
  }
  return { interface: head, peers };
}

/** One after the other, for a list of them all would be made in one piece. A line break at the end ends the last one. */
function* linesOf(text: string): Generator<string, undefined> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    yield text.slice(start, end);
    start = end + 1;
  }
}

function parseInterface(line: string): DumpInterface {
  const [privateKey, publicKey, listenPort, fwmark, ...more] = line.split("\t");
  if (
    privateKey === undefined ||
    publicKey === undefined ||
    listenPort === undefined ||
    fwmark === undefined
  ) {
    throw new DumpError(`wg dump line 1 has ${line.split("\t").length} fields, expected 4`);
  }
  if (more.length > 0) throw new DumpError(`wg dump line 1 has ${4 + more.length} fields, expected 4`);
  return {
    publicKey: optional(publicKey),
    listenPort: integer(listenPort, 1, "listen port"),
    fwmark: fwmark === "off" ? undefined : integer(fwmark, 1, "fwmark"),
  };
}

function parsePeer(line: string, number: number): Peer {
  const fields = line.split("\t");
  const [publicKey, preshared, endpoint, allowed, handshake, rx, tx, keepalive] = fields;
  if (fields.length !== 8 || publicKey === undefined || preshared === undefined || endpoint === undefined) {
    throw new DumpError(`wg dump line ${number} has ${fields.length} fields, expected 8`);
  }
  return {
    publicKey,
    presharedKey: optional(preshared),
    endpoint: optional(endpoint),
    allowedIps: allowed === undefined || allowed === "(none)" ? [] : allowed.split(","),
    latestHandshake: integer(handshake, number, "latest handshake"),
    rxBytes: integer(rx, number, "received bytes"),
    txBytes: integer(tx, number, "sent bytes"),
    persistentKeepalive: keepalive === "off" ? 0 : integer(keepalive, number, "persistent keepalive"),
  };
}

function optional(field: string): string | undefined {
  return field === "(none)" ? undefined : field;
}

function integer(field: string | undefined, line: number, what: string): number {
  const value = field === undefined || field === "" ? Number.NaN : Number(field);
  if (!Number.isSafeInteger(value) || value < 0)
    throw new DumpError(`wg dump line ${line}: ${what} is not a number`);
  return value;
}
