import * as z from "zod";
import type { Clock } from "../clock";
import type { Imds } from "../imds";

/** Short-lived keys of the instance's role. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html */
const answerSchema = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
  Expiration: z.iso.datetime(),
});

/** New keys are there at least five minutes before the old ones end (same page). */
const RENEW_BEFORE_MS = 5 * 60_000;
const FOLDER = "iam/security-credentials";

/** The keys of this instance's role, read again before they end. They are never logged. */
export class RoleCredentials {
  private known: { readonly keys: Credentials; readonly until: number } | undefined;

  constructor(
    private readonly imds: Pick<Imds, "get">,
    private readonly clock: Pick<Clock, "now">,
  ) {}

  /** @throws Error when the metadata service does not answer or the instance has no role. */
  async get(): Promise<Credentials> {
    if (this.known !== undefined && this.clock.now() < this.known.until) return this.known.keys;
    const role = (await this.imds.get(`${FOLDER}/`))?.split("\n")[0];
    const text = role === undefined ? undefined : await this.imds.get(`${FOLDER}/${role}`);
    if (text === undefined) throw new Error("this instance has no IAM role");
    const keys = parse(text);
    this.known = keys;
    return keys.keys;
  }
}

function parse(text: string): { keys: Credentials; until: number } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("the instance's credentials are no JSON"); // the text itself is a secret
  }
  const parsed = answerSchema.safeParse(value);
  if (!parsed.success) throw new Error("the instance's credentials have an unknown form");
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken } = parsed.data;
  return {
    keys: { accessKeyId, secretAccessKey, sessionToken },
    until: Date.parse(parsed.data.Expiration) - RENEW_BEFORE_MS,
  };
}
