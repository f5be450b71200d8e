import type { ControlError, ControlErrorCode } from "../answers";
import { redact } from "../redact";

/** The function that was called. */
export interface Target {
  /** Its name or ARN. */
  readonly functionName: string;
  readonly region: string;
}

/** An AWS error for people, and whether the same call may succeed a moment later. */
export interface AwsTrouble {
  readonly error: ControlError;
  readonly passing: boolean;
}

interface Explanation {
  readonly code: ControlErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly passing?: boolean;
  /** The function may have been called, and have made the change. */
  readonly unsettled?: boolean;
}

const CREDENTIALS =
  "name a profile that has them (AWS_PROFILE), or sign in (`aws sso login`, `aws configure`)";

/**
 * One clear sentence for what the SDK throws. Names: the errors of Invoke (Lambda API reference), the common errors of AWS APIs,
 * and the SDK's own (`CredentialsProviderError`, `TokenProviderError`, `TimeoutError`, Node's error codes).
 */
export function explainAwsError(error: unknown, target: Target): AwsTrouble {
  const { name, message } = partsOf(error);
  const found =
    accessTrouble(name, message, target) ??
    credentialTrouble(name, message) ??
    serviceTrouble(name, message, target) ??
    networkTrouble(name, message, target);
  const told: Explanation = found ?? {
    code: "unreachable",
    unsettled: true,
    message: `the control function ${target.functionName} could not be called: ${name}: ${firstLine(message)}`,
    remedy: "repeat the command; if it stays so, look at the function in the AWS console",
  };
  const { code, message: text, remedy, unsettled = false, passing = false } = told;
  return {
    error: { code, message: text, issues: [], remedy, ...(unsettled ? { unsettled: true } : {}) },
    passing,
  };
}

/** A call that reached the function, which then died or ran out of time: its answer is lost, its work may be done. */
export function explainFunctionError(payload: string, target: Target): AwsTrouble {
  const { type, message } = functionError(payload);
  const timedOut = /timed out/i.test(message);
  const what = timedOut ? "did not finish in time" : `failed (${type})`;
  return {
    error: {
      code: timedOut ? "unreachable" : "internal",
      message: `the control function ${target.functionName} ${what}; whether the change was made is not known`,
      issues: [],
      remedy: "repeat the command: it first completes or undoes what was begun; the function's log says more",
      unsettled: true,
    },
    // One that ran out of time would do so again.
    passing: !timedOut,
  };
}

function accessTrouble(
  name: string,
  message: string,
  { functionName, region }: Target,
): Explanation | undefined {
  if (!/^(AccessDenied|AccessDeniedException|UnauthorizedOperation)$/.test(name)) return undefined;
  const action = /perform:? ([\w:*]+)/.exec(message)?.[1] ?? "lambda:InvokeFunction";
  const arn =
    /arn:aws[\w-]*:lambda:[\w-]+:\d+:function:[\w-]+/.exec(message)?.[0] ?? arnOf(functionName, region);
  const who = /User: (arn:\S+)/.exec(message)?.[1] ?? "this AWS identity";
  const denied = /explicit deny/.test(message) ? " (a policy denies it explicitly)" : "";
  return {
    code: "forbidden",
    message: `the IAM action ${action} on ${arn} is missing for ${who}${denied}`,
    remedy: "have that action allowed for it, or use another profile (AWS_PROFILE)",
  };
}

function credentialTrouble(name: string, message: string): Explanation | undefined {
  const code = "forbidden";
  if (
    /^(ExpiredToken|ExpiredTokenException|TokenProviderError|SSOTokenProviderFailure)$/.test(name) ||
    /(token|session).*expired|SSO.*(invalid|not found)/i.test(message)
  )
    return {
      code,
      message: "the AWS session has expired",
      remedy: "sign in again (`aws sso login`, or new temporary credentials)",
    };
  if (/^(CredentialsProviderError|ProviderError)$/.test(name))
    return { code, message: "no AWS credentials were found", remedy: CREDENTIALS };
  if (/signature.*(expired|not yet current)/i.test(message) || name === "RequestTimeTooSkewed")
    return {
      code,
      message: "AWS refuses the request's time",
      remedy: "set this machine's clock (`timedatectl set-ntp true`)",
    };
  if (
    /^(UnrecognizedClientException|InvalidSignatureException|InvalidClientTokenId|IncompleteSignature)$/.test(
      name,
    )
  )
    return { code, message: "AWS does not accept these credentials", remedy: CREDENTIALS };
  if (name === "MissingRegionError" || /region is missing/i.test(message))
    return {
      code,
      message: "no AWS region is set",
      remedy: "set it (AWS_REGION, or `pulumi config set aws:region`)",
    };
  return undefined;
}

function serviceTrouble(
  name: string,
  message: string,
  { functionName, region }: Target,
): Explanation | undefined {
  if (name === "ResourceNotFoundException")
    return {
      code: "unreachable",
      message: `there is no function ${functionName} in ${region}`,
      remedy: "check the stack and its region; without a deployment there is no function (`pulumi up`)",
    };
  if (/^(TooManyRequestsException|ThrottlingException|EC2ThrottledException|Throttling)$/.test(name))
    return {
      code: "unreachable",
      message: `the control function ${functionName} is busy: too many calls at once`,
      remedy: "repeat the command in a moment",
      passing: true,
    };
  if (/^(RequestTooLargeException|RequestEntityTooLargeException)$/.test(name))
    return {
      code: "invalid-request",
      message: "the request is too large for an invocation",
      remedy: "send it in several requests",
    };
  if (/^(EFS|ENI|EC2|Subnet|InvalidSubnet|InvalidSecurityGroup)/.test(name))
    return {
      code: "storage",
      message: `the control function cannot reach its file system: ${name}: ${firstLine(message)}`,
      remedy: "look at the file system's mount targets and the function's network",
      passing: /^(EFSMountTimeout|EFSMountConnectivity|EFSIO)/.test(name),
    };
  if (/^(ResourceConflictException|ResourceNotReadyException|CodeArtifactUserPendingException)$/.test(name))
    return {
      code: "unreachable",
      message: `the control function ${functionName} is being updated`,
      remedy: "repeat the command in a moment",
      passing: true,
    };
  return undefined;
}

function networkTrouble(name: string, message: string, { region }: Target): Explanation | undefined {
  const network =
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|EPIPE)\b/;
  const found = network.exec(`${name} ${message}`)?.[1];
  // Of the SDK's TimeoutErrors: connected, and no answer came for as long as a function may run.
  if (name === "TimeoutError" && /exceeded the configured|of inactivity/.test(message))
    return {
      code: "unreachable",
      message: "the control function did not answer in time; whether the change was made is not known",
      remedy: "repeat the command: it first completes or undoes what was begun",
      unsettled: true,
    };
  if (found !== undefined || name === "TimeoutError")
    return {
      code: "unreachable",
      message: `AWS Lambda in ${region} is not reached (${found ?? name})`,
      remedy: "check this machine's network, its proxy and the region",
      passing: true,
      // The line may have broken after the call had gone out.
      unsettled: found === "ECONNRESET" || found === "EPIPE" || found === "ETIMEDOUT",
    };
  if (
    /^(ServiceException|InternalFailure|ServiceUnavailable|ServiceUnavailableException|InternalError)$/.test(
      name,
    )
  )
    return {
      code: "unreachable",
      message: "AWS Lambda has an internal error",
      remedy: "repeat the command in a moment",
      passing: true,
      unsettled: true,
    };
  return undefined;
}

function arnOf(functionName: string, region: string): string {
  return functionName.startsWith("arn:")
    ? functionName
    : `arn:aws:lambda:${region}:*:function:${functionName}`;
}

function partsOf(error: unknown): { name: string; message: string } {
  if (!(error instanceof Error)) return { name: typeof error, message: "" };
  const code = "code" in error && typeof error.code === "string" ? ` ${error.code}` : "";
  // What is no Error to the SDK (one of another realm) comes wrapped.
  const wrapped = /^AWS SDK error wrapper for (\w+): ([\s\S]*)$/.exec(error.message);
  return { name: wrapped?.[1] ?? error.name, message: `${wrapped?.[2] ?? error.message}${code}` };
}

function firstLine(text: string): string {
  return redact(text.split("\n")[0] ?? "").slice(0, 300);
}

/** `errorType` and `errorMessage` of a function error's payload (Lambda developer guide, "Node.js errors"). */
function functionError(payload: string): { type: string; message: string } {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value === "object" && value !== null) {
      const type = "errorType" in value && typeof value.errorType === "string" ? value.errorType : "unknown";
      const message =
        "errorMessage" in value && typeof value.errorMessage === "string" ? value.errorMessage : "";
      return { type: /^[\w.]{1,80}$/.test(type) ? type : "unknown", message };
    }
  } catch {
    // Told as unknown below.
  }
  return { type: "unknown", message: "" };
}
