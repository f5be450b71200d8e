/**
 * What AWS checks of every request in its query protocol before it looks at what is asked: the form, and that it is signed with
 * keys of a role. The signature itself is not computed again.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import type { StubRequest } from "./auto-scaling";

export interface Fault {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[A-Z0-9]{16,128}\/\d{8}\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$/;

/** Why a request's signature cannot be right; undefined when it may be. */
export function faultOfSignature(
  { method, headers }: StubRequest,
  asked: { readonly service: string; readonly region: string },
): Fault | undefined {
  const header = (name: string): string => String(headers[name] ?? "");
  const wrong = (code: string, message: string): Fault => ({ status: 403, code, message });
  if (method !== "POST") return { status: 405, code: "MethodNotAllowed", message: `${method} is not POST` };
  if (!header("content-type").startsWith("application/x-www-form-urlencoded"))
    return { status: 415, code: "UnsupportedMediaType", message: "the body is no form" };
  if (header("authorization") === "")
    return wrong("MissingAuthenticationToken", "Request is missing Authentication Token");
  const [, region, service, signed = ""] = AUTHORIZATION.exec(header("authorization")) ?? [];
  if (region !== asked.region || service !== asked.service)
    return wrong("SignatureDoesNotMatch", `Credential should be scoped to ${asked.region}/${asked.service}`);
  // A role's keys do nothing without their session token, and the token has to be signed.
  const needed = ["host", "x-amz-date", "x-amz-security-token"];
  const missing = needed.filter((name) => !signed.split(";").includes(name) || header(name) === "");
  return missing.length === 0
    ? undefined
    : wrong("InvalidClientTokenId", `not signed or not there: ${missing.join(", ")}`);
}

/** Members of both calls: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RecordLifecycleActionHeartbeat.html */
const MEMBERS: Readonly<Record<string, RegExp>> = {
  AutoScalingGroupName: /^.{1,255}$/,
  LifecycleHookName: /^[A-Za-z0-9\-_/]{1,255}$/,
  InstanceId: /^i-([0-9a-f]{8}|[0-9a-f]{17})$/,
};
const RESULT: Readonly<Record<string, RegExp>> = { LifecycleActionResult: /^(CONTINUE|ABANDON)$/ };

/** What is wrong with a form; every member has to be known, there and of the right form. */
export function faultOfForm(form: URLSearchParams, actions: readonly string[]): Fault | undefined {
  const action = form.get("Action") ?? "";
  if (!actions.includes(action) || form.get("Version") !== "2011-01-01") {
    const message = `Could not find operation ${action} for version ${form.get("Version") ?? ""}`;
    return { status: 400, code: "InvalidAction", message };
  }
  const members = action === "CompleteLifecycleAction" ? { ...MEMBERS, ...RESULT } : MEMBERS;
  const wrong = Object.entries(members).filter(([name, pattern]) => !pattern.test(form.get(name) ?? ""));
  const unknown = [...form.keys()].filter(
    (name) => !(name in members) && name !== "Action" && name !== "Version",
  );
  const names = [...wrong.map(([name]) => name), ...unknown];
  if (names.length === 0) return undefined;
  return {
    status: 400,
    code: "ValidationError",
    message: `${names.length} validation error${names.length === 1 ? "" : "s"} detected: ${names.join(", ")}`,
  };
}
