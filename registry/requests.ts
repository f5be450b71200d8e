import { createHash, createHmac } from "node:crypto";
import { promises as fs } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ZERO_KEY } from "../wireguard/keys";
import { list } from "./claims";
import { RegistryError } from "./errors";
import { readJson, removeFile, replaceFile, toJson } from "./files";
import { registryPaths } from "./layout";
import type { ClientFile } from "./schema";

/** How long the answer to a request is kept. */
export const REQUEST_KEPT_MS = 24 * 3_600_000;
/** After each so-many-th answer some old ones are looked at: a little more than come in, so they do not pile up. */
const CLEAN_EVERY = 8;
const CLEAN_AT_ONCE = 16;

const requestFileSchema = z.looseObject({
  schema: z.literal(1),
  operation: z.string(),
  digest: z.string(),
  time: z.iso.datetime(),
  revision: z.int().min(0),
  value: z.unknown(),
});
/** `requests/<sha256>.json`: how a request was answered. */
export type RequestFile = z.infer<typeof requestFileSchema>;

/** What tells a request from others: its key's hash (also the file's name) and its content's, joined by a dot. */
export type RequestMark = string;

/**
 * The mark of a request. The content's hash is keyed with the request key, which is kept nowhere, so that nobody can try
 * preshared keys against it.
 */
export function markOf(requestKey: string, operation: string, input: unknown): RequestMark {
  const name = createHash("sha256").update(requestKey).digest("hex");
  const content = createHmac("sha256", requestKey)
    .update(canonical([operation, input]))
    .digest("hex");
  return `${name}.${content}`;
}

/** JSON with the fields in order, so that the same request has the same text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/** A client without its secrets: zeros stand for a preshared key, so that it still shows that there is one. */
export function withoutSecrets(client: ClientFile): ClientFile {
  const hide = <T extends { presharedKey?: string | undefined }>(part: T): T =>
    part.presharedKey === undefined ? part : { ...part, presharedKey: ZERO_KEY };
  const { previous } = client;
  return hide(previous === undefined ? client : { ...client, previous: hide(previous) });
}

/** How this request was answered before; undefined when it was not. */
export async function readRequest(
  root: string,
  mark: RequestMark,
  now: Date,
): Promise<RequestFile | undefined> {
  const path = pathOf(root, mark);
  const file = await readJson(path, requestFileSchema);
  if (file === undefined || isOver(file, now)) return undefined;
  if (file.digest !== mark.split(".")[1]) {
    throw new RegistryError(
      path,
      `this request key was used for another request (${file.operation} at ${file.time})`,
      "conflict",
      "use a new request key for each request",
      "requestKey",
    );
  }
  return file;
}

/** Keeps the answer to a request; `value` has no secrets in it. */
export async function storeRequest(
  root: string,
  mark: RequestMark,
  answer: Pick<RequestFile, "operation" | "revision" | "value"> & { now: Date },
): Promise<void> {
  const { operation, revision, value, now } = answer;
  const digest = mark.split(".")[1] ?? "";
  const file = { schema: 1, operation, digest, time: now.toISOString(), revision, value };
  await fs.mkdir(registryPaths(root).requests, { recursive: true, mode: 0o700 });
  await replaceFile(pathOf(root, mark), toJson(file), { mode: 0o600 });
  if (revision % CLEAN_EVERY === 0) await removeOldRequests(root, now, CLEAN_AT_ONCE);
}

/** Removes answers that nobody will ask for again: some of them, beginning anywhere, or all. Broken ones go too. */
export async function removeOldRequests(root: string, now: Date, most?: number): Promise<string[]> {
  const removed: string[] = [];
  for (const path of await oldRequests(root, now, most)) {
    await removeFile(path);
    removed.push(path);
  }
  return removed;
}

/** The files of answers that are no longer needed. */
export async function oldRequests(root: string, now: Date, most?: number): Promise<string[]> {
  const { requests } = registryPaths(root);
  const files = (await list(requests)).filter((file) => /^[0-9a-f]{64}\.json$/.test(file));
  const begin = most === undefined ? 0 : Math.floor(Math.random() * files.length);
  const chosen = [...files.slice(begin), ...files.slice(0, begin)].slice(0, most);
  const old: string[] = [];
  for (const file of chosen) {
    const path = join(requests, file);
    try {
      const content = await readJson(path, requestFileSchema);
      if (content !== undefined && isOver(content, now)) old.push(path);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      old.push(path);
    }
  }
  return old;
}

function isOver(file: RequestFile, now: Date): boolean {
  return now.getTime() - Date.parse(file.time) > REQUEST_KEPT_MS;
}

function pathOf(root: string, mark: RequestMark): string {
  return join(registryPaths(root).requests, `${mark.split(".")[0]}.json`);
}
