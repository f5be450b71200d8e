/** Clients as people read them. */
import { stripVTControlCharacters } from "node:util";
import pc from "picocolors";
import type { ClientView, Results } from "../control/answers";
import { table, visible } from "./output";

/** `3 d`, `12 h`, `5 min`: in the largest unit of which there are at least two. */
export function span(milliseconds: number): string {
  const minutes = Math.round(Math.abs(milliseconds) / 60_000);
  if (minutes >= 2 * 1440) return `${Math.round(minutes / 1440)} d`;
  if (minutes >= 120) return `${Math.round(minutes / 60)} h`;
  return `${minutes} min`;
}

/** When a client's access ends, for a table's column. */
export function expiryCell(client: ClientView, now: Date): string {
  if (client.expiresAt === undefined) return "never";
  const left = Date.parse(client.expiresAt) - now.getTime();
  return left > 0 ? `in ${span(left)}` : `${span(left)} ago`;
}

/** The same, for a sentence. */
export function expiryPhrase(client: ClientView, now: Date): string {
  if (client.expiresAt === undefined) return "does not expire";
  const left = Date.parse(client.expiresAt) - now.getTime();
  return `${left > 0 ? "expires" : "expired"} ${expiryCell(client, now)} (${client.expiresAt})`;
}

/** Whether a client has access, and until when. */
export function accessPhrase(client: ClientView, now: Date): string {
  return client.state === "revoked"
    ? `revoked: it has no access until ./wgc client restore ${client.name}`
    : expiryPhrase(client, now);
}

/** A client's tags in one line. */
export function tagText(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([key, value]) => visible(`${key}=${value}`))
    .join(" ");
}

function stateCell(state: ClientView["state"]): string {
  if (state === "active") return pc.green(state);
  return state === "revoked" ? pc.red(state) : pc.yellow(state);
}

/** What to say of routes that the tunnel cannot carry; undefined where there is nothing to say. */
export function ipv6Note(routes: readonly string[] | undefined): string | undefined {
  const ranges = routes?.filter((route) => route.includes(":")) ?? [];
  if (ranges.length === 0) return undefined;
  return `note: the tunnel carries IPv4 only: what the client sends to ${ranges.join(", ")} goes into it and no further`;
}

/** Clients as a table that is no wider than the terminal. */
export function clientTable(clients: readonly ClientView[], now: Date, columns: number | undefined): string {
  const rows = clients.map((client) => [
    client.name,
    stateCell(client.state),
    client.addresses.join(" ").replaceAll(/\/(32|128)\b/g, ""),
    expiryCell(client, now),
    tagText(client.tags),
  ]);
  return fitted(["name", "state", "address", "expires", "tags"], rows, columns);
}

/** A table whose last column is cut where the terminal is too narrow for it. */
export function fitted(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number | undefined,
): string {
  if (columns === undefined) return table(head, rows);
  const width = (cell: string): number => stripVTControlCharacters(cell).length;
  const last = head.length - 1;
  const widest = (column: number): number =>
    Math.max(...[head, ...rows].map((row) => width(row[column] ?? "")));
  const before = head.slice(0, last).reduce((sum, _, column) => sum + widest(column) + 2, 0);
  const room = Math.max(columns - before, MIN_LAST);
  const cut = rows.map((row) =>
    row.map((cell, column) => (column === last && cell.length > room ? `${cell.slice(0, room - 1)}…` : cell)),
  );
  return table(head, cut);
}

/** The last column keeps at least this, however narrow the terminal is. */
const MIN_LAST = 12;

/** Which server a client is on, as far as servers have told. */
function sessionText({ session, sessionProblem }: Results["show"], now: Date): string {
  const problem =
    sessionProblem === undefined ? "" : ` (not all records could be read: ${visible(sessionProblem)})`;
  if (session === undefined) return `none known${problem}`;
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(session.at)) / 1000));
  return `on ${visible(session.instance)}, last handshake ${seconds} s ago${problem}`;
}

/** Everything about one client. */
export function clientDetails(shown: Results["show"], now: Date): string {
  const { client } = shown;
  const rows: [string, string][] = [
    ["name", client.name],
    ["state", stateCell(client.state)],
    ["public key", client.publicKey],
    ["preshared key", client.hasPresharedKey ? "yes" : "no"],
    ["addresses", client.addresses.join(", ")],
    ["routes", visible(client.routes?.join(", ") ?? "") || "the cluster's"],
    ["DNS", visible(client.dns?.join(", ") ?? "") || "the cluster's"],
    ["created", client.createdAt],
    [
      "expires",
      client.expiresAt === undefined ? "never" : `${client.expiresAt} (${expiryCell(client, now)})`,
    ],
    ...(client.revokedAt === undefined ? [] : [["revoked", client.revokedAt] as [string, string]]),
    ...(client.previous === undefined
      ? []
      : [
          ["former key", `${client.previous.publicKey} works until ${client.previous.until}`] as [
            string,
            string,
          ],
        ]),
    ["session", sessionText(shown, now)],
    ["tags", tagText(client.tags) || "none"],
  ];
  return rows.map(([name, value]) => `${pc.dim(name.padEnd(14))} ${value}`).join("\n");
}
