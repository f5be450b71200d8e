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
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const [head, ...rest] = lines;
  if (head === undefined) throw new DumpError("wg dump is empty");
  return { interface: parseInterface(head), peers: rest.map((line, index) => parsePeer(line, index + 2)) };
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
