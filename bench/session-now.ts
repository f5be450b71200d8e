import { randomBytes } from "node:crypto";
import type { SessionRecord } from "../registry/sessions";

/** A session that a client has begun just now, with a random index. */
export function sessionNow(publicKey: string): SessionRecord {
  return { publicKey, index: randomBytes(4).readUInt32BE(), at: Date.now() };
}
