/** The credentials that the metadata service gives an instance for its role, as EC2 does: its own, and for some hours. */
import { randomBytes } from "node:crypto";

export interface RoleKeys {
  accessKeyId: string;
  secretAccessKey: string;
  token: string;
  /** ISO 8601. */
  expiration: string;
}

const HOURS_MS = 6 * 3_600_000;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** New ones; nobody outside of the lab knows them. */
export function newRoleKeys(now: Date): RoleKeys {
  const id = [...randomBytes(16)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
  return {
    accessKeyId: `ASIA${id}`,
    secretAccessKey: randomBytes(30).toString("base64"),
    token: randomBytes(192).toString("base64"),
    expiration: new Date(now.getTime() + HOURS_MS).toISOString().replace(/\.\d+Z$/, "Z"),
  };
}

/** The document of `iam/security-credentials/ROLE`. */
export function credentialsDocument(keys: RoleKeys, now: Date): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: now.toISOString().replace(/\.\d+Z$/, "Z"),
    Type: "AWS-HMAC",
    AccessKeyId: keys.accessKeyId,
    SecretAccessKey: keys.secretAccessKey,
    Token: keys.token,
    Expiration: keys.expiration,
  });
}
