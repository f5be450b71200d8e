import { isKey } from "../wireguard/keys";
import { acceptCandidates } from "./candidates";
import { accessProblem, objectOf, parseJsonText, textOf, textsOf, timeOf } from "./json";
import type { Candidate, Parsed } from "./types";

type Fields = Readonly<Record<string, unknown>>;

/** Whether a value looks like WireGuard Portal's peers. */
export function isWgPortal(value: unknown): boolean {
  const peers = peersOf(value);
  return (
    peers.length > 0 && peers.every((peer) => typeof peer["Identifier"] === "string" && "Addresses" in peer)
  );
}

/**
 * WireGuard Portal's peers as its API gives them (`GET /api/v1/peer/by-interface/{id}`): an array of {Identifier (the public
 * key), DisplayName, UserIdentifier, InterfaceIdentifier, Disabled, ExpiresAt (a date), PresharedKey, PrivateKey, Mode,
 * Addresses, AllowedIPs, Dns, DnsSearch ({Value, Overridable}), EndpointPublicKey}; fields from internal/app/api/v1/models/models_peer.go and
 * model_options.go of github.com/h44z/wg-portal. Its wg0.conf is read by {@link parseWgQuick}, but lacks disabled peers.
 */
export function parseWgPortal(text: string, now: Date): Parsed {
  const peers = peersOf(parseJsonText(text));
  const servers = peers.map((peer, index) => ({ peer, where: `peer ${index + 1}` }));
  const isServer = ({ peer }: { peer: Fields }) => peer["Mode"] === "server";
  const accepted = acceptCandidates(
    servers.filter((entry) => !isServer(entry)).map(({ peer, where }) => candidateOf(peer, where)),
    now,
  );
  const serverPublicKey = commonServerKey(peers);
  return {
    format: "wg-portal",
    entries: accepted.entries,
    refused: [
      ...servers
        .filter(isServer)
        .map(({ where }) => ({ where, reason: "it is a server (Mode), not a client" })),
      ...accepted.refused,
    ],
    notes: [...notesOn(peers), ...accepted.notes],
    ...(serverPublicKey === undefined ? {} : { serverPublicKey }),
  };
}

function peersOf(value: unknown): Fields[] {
  const list = Array.isArray(value) ? value : objectOf(value)?.["Peers"];
  return Array.isArray(list) ? list.map((peer) => objectOf(peer) ?? {}) : [];
}

function candidateOf(peer: Fields, where: string): Candidate {
  const user = textOf(peer["UserIdentifier"]);
  const day = timeOf(peer["ExpiresAt"])?.slice(0, 10);
  return {
    where,
    wantedName: textOf(peer["DisplayName"]),
    publicKey: textOf(peer["Identifier"]) ?? "",
    presharedKey: textOf(peer["PresharedKey"]),
    // `10.11.12.2/24` is the client's address with its network's length.
    addresses: textsOf(peer["Addresses"]).map((address) =>
      address.includes(":") ? address : `${address.split("/")[0]}/32`,
    ),
    routes: ownChoice(peer["AllowedIPs"]),
    dns: [...ownChoice(peer["Dns"]), ...ownChoice(peer["DnsSearch"])],
    // A date; the peer is refused from its first second on (domain.Peer.IsExpired).
    expiresAt: day === undefined ? undefined : `${day}T00:00:00Z`,
    disabled: peer["Disabled"] === true,
    problem: accessProblem(peer, "ExpiresAt", "Disabled"),
    ...(user === undefined ? {} : { tags: { "wg-portal/user": user.slice(0, 256) } }),
  };
}

/** What was set for this peer; an overridable value is its interface's, and here the cluster's counts then. */
function ownChoice(option: unknown): string[] {
  const fields = objectOf(option);
  return fields === undefined || fields["Overridable"] === true ? [] : textsOf(fields["Value"]);
}

/** The server's key as the peers know it, when they agree. */
function commonServerKey(peers: readonly Fields[]): string | undefined {
  const keys = new Set(peers.flatMap((peer) => textOf(objectOf(peer["EndpointPublicKey"])?.["Value"]) ?? []));
  const [key] = keys;
  return keys.size === 1 && key !== undefined && isKey(key) ? key : undefined;
}

function notesOn(peers: readonly Fields[]): string[] {
  const count = (field: string) => peers.filter((peer) => textsOf(peer[field]).length > 0).length;
  const notes: string[] = [];
  const interfaces = new Set(peers.flatMap((peer) => textOf(peer["InterfaceIdentifier"]) ?? []));
  if (count("PrivateKey") > 0)
    notes.push(
      `the file holds the private keys of ${count("PrivateKey")} clients; they are not imported, but whoever can read that file can be these clients: rotate their keys after the move`,
    );
  if (interfaces.size > 1)
    notes.push(`the file has peers of ${interfaces.size} interfaces; all are imported`);
  if (count("Notes") > 0) notes.push(`Notes of ${count("Notes")} peers are left out`);
  if (count("ExtraAllowedIPs") > 0)
    notes.push(
      `ExtraAllowedIPs of ${count("ExtraAllowedIPs")} peers are left out: the cluster routes nothing behind a client`,
    );
  return notes;
}
