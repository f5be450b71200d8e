/** The keys that the metadata service gives each instance for its role, and how the lab's AWS tells by them who calls. */
import { createHmac, randomBytes } from "node:crypto";
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { ApiError } from "./query";

/** Keys as the metadata service shows them. They are good for the lab's own services only, and for its time. */
export interface RoleKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** A request, as far as its signature goes; header names in lower case. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const CREDENTIAL =
  /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request, ?SignedHeaders=([\w;-]+), ?Signature=[0-9a-f]{64}$/;
/** A signature counts for five minutes: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html */
const SKEW_MS = 300_000;
const HASH = "x-amz-content-sha256";
const ADDED = ["x-amz-date", "x-amz-security-token", HASH];

/** Keys that follow from the instance and from something that only this lab knows. */
export class RoleKeyRing {
  private readonly seed = randomBytes(32);
  private readonly instances = new Map<string, string>();

  private derive(instance: string, what: string, length: number): string {
    return createHmac("sha256", this.seed)
      .update(`${what}/${instance}`)
      .digest("hex")
      .toUpperCase()
      .slice(0, length);
  }

  of(instance: string): RoleKeys {
    const accessKeyId = `ASIA${this.derive(instance, "id", 16)}`;
    this.instances.set(accessKeyId, instance);
    return {
      accessKeyId,
      secretAccessKey: this.derive(instance, "secret", 40),
      sessionToken: this.derive(instance, "token", 64),
    };
  }

  /**
   * The instance that signed a request for that service.
   *
   * @throws ApiError as AWS refuses it: nobody's keys, another service, too old, or signed with something else.
   */
  async callerOf(request: SignedRequest, service: string, now: Date): Promise<string> {
    const header = (name: string): string => String(request.headers[name] ?? "");
    const [, accessKeyId = "", , region = "", named, signed = ""] =
      CREDENTIAL.exec(header("authorization")) ?? [];
    const instance = this.instances.get(accessKeyId);
    const keys = instance === undefined ? undefined : this.of(instance);
    const at = dateOf(header("x-amz-date"));
    if (instance === undefined || keys === undefined || named !== service || at === undefined)
      throw new ApiError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
    if (Math.abs(now.getTime() - at.getTime()) > SKEW_MS)
      throw new ApiError("RequestExpired", "Request has expired.");
    if (header("x-amz-security-token") !== keys.sessionToken)
      throw new ApiError("AuthFailure", "AWS was not able to validate the provided access credentials", 401);
    const names = signed.split(";");
    // The signer adds these itself; the hash above all must be of the body that came.
    const headers = Object.fromEntries(
      names.filter((name) => !ADDED.includes(name)).map((name) => [name, header(name)]),
    );
    const applyChecksum = names.includes(HASH);
    const signer = new SignatureV4({ service, region, sha256: Sha256, credentials: keys, applyChecksum });
    const { method, path, body } = request;
    const again = await signer.sign(
      { method, protocol: "http:", hostname: header("host"), path, query: {}, headers, body },
      { signingDate: at, signableHeaders: new Set(names) },
    );
    if (signatureIn(again.headers["authorization"]) !== signatureIn(header("authorization")))
      throw new ApiError(
        "SignatureDoesNotMatch",
        "The request signature does not match the signature you provided.",
        403,
      );
    return instance;
  }
}

const signatureIn = (text = ""): string => text.split("Signature=")[1] ?? "";

/** `20260102T030405Z` */
function dateOf(text: string): Date | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!parts) return undefined;
  const [year = 0, month = 0, ...rest] = parts.slice(1).map(Number);
  return new Date(Date.UTC(year, month - 1, ...(rest as [number, number, number, number])));
}
