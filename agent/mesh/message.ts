import { createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { parseSessions, renderSession } from "../../registry/sessions";

/** How a server is, as it tells the others. */
export const MEMBER_STATES = ["ready", "unhealthy", "draining"] as const;
export type MemberState = (typeof MEMBER_STATES)[number];

const heartbeatSchema = z.object({
  kind: z.literal("heartbeat"),
  state: z.enum(MEMBER_STATES),
  zone: z.string().min(1).max(64),
  /** Whether the network lets it pass packets on that are not its own. */
  nextHop: z.boolean(),
  /** What it knows best of itself, see {@link Candidate}: nobody gives it a role that it does not take. A former version says nothing. */
  steady: z.boolean().default(true),
  calm: z.boolean().default(true),
  /** Roles that it holds: routes of zones, or being the active server. */
  owns: z.array(z.string().max(64)).max(64),
  /** Since when it holds each of them, in the order of `owns` (milliseconds of its wall clock): of two holders the earlier one stays. */
  since: z.array(z.int().min(0)).max(64).default([]),
  /** Roles that it has given up while a call is under way that it made for them: its effect may be still to come. */
  calling: z.array(z.string().max(64)).max(64).default([]),
});
/** What a server says a few times a second. */
export type Heartbeat = z.infer<typeof heartbeatSchema>;

const sessionsSchema = z.object({
  kind: z.literal("sessions"),
  /** Which of the server's interfaces they are at, as the session records name it. */
  holder: z.string().min(1).max(128),
  /** As the session logs have them (registry/sessions.ts). */
  records: z.string().transform(parseSessions),
});
/** Sessions that a server holds from now on. */
export type Announcement = z.output<typeof sessionsSchema>;

const handOverSchema = z.object({
  kind: z.literal("handOver"),
  /** The server that is asked; the others pass it over. */
  to: z.string().min(1).max(128),
  /** Which of the sender's interfaces the clients are at. */
  holder: z.string().min(1).max(128),
  clients: z
    .array(z.object({ publicKey: z.string().length(44), endpoint: z.string().min(1).max(64) }))
    .max(64),
});
/** Clients that another server is asked to call, see takeover/hand-over.ts. */
export type HandOverRequest = z.output<typeof handOverSchema>;

const messageSchema = z.object({
  from: z.string().min(1).max(128),
  /** When the sender's process began (milliseconds of its wall clock): a restarted server counts from 1 again. */
  epoch: z.int().min(0),
  number: z.int().min(1),
  /** The sender's wall clock in milliseconds. */
  at: z.int().min(0),
  body: z.discriminatedUnion("kind", [heartbeatSchema, sessionsSchema, handOverSchema]),
});
/** One datagram between two servers. */
export type Message = z.output<typeof messageSchema>;

const MAGIC = Buffer.from("WGC1");
const MAC_BYTES = 32;
const HEAD_BYTES = MAGIC.length + MAC_BYTES;

/**
 * So many in one datagram: with 65 bytes a record, and up to 135 a client with its endpoint, it stays below 1280 bytes, which every path
 * passes (RFC 8200).
 */
export const IN_A_MESSAGE = { records: 14, clients: 6 } as const;

/** Records, or clients, in parts that fit into a datagram each. */
export function portions<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, part) =>
    items.slice(part * size, (part + 1) * size),
  );
}

/** A message as it goes over the network: magic, HMAC-SHA-256 (RFC 2104) over the rest, the rest as JSON. It is authentic, not secret. */
export function seal(message: Message, key: Buffer): Buffer {
  const { body } = message;
  const written =
    body.kind === "sessions" ? { ...body, records: body.records.map(renderSession).join("") } : body;
  const text = Buffer.from(JSON.stringify({ ...message, body: written }), "utf8");
  return Buffer.concat([MAGIC, macOf(text, key), text]);
}

/** The message in a datagram; undefined for anything that no holder of the key made. Never throws. */
export function open(datagram: Buffer, key: Buffer): Message | undefined {
  if (datagram.length <= HEAD_BYTES || !datagram.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const text = datagram.subarray(HEAD_BYTES);
  if (!timingSafeEqual(datagram.subarray(MAGIC.length, HEAD_BYTES), macOf(text, key))) return undefined;
  try {
    return messageSchema.safeParse(JSON.parse(text.toString("utf8"))).data;
  } catch {
    return undefined; // another version of the agent may speak otherwise
  }
}

function macOf(text: Buffer, key: Buffer): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
