import { promises as fs } from "node:fs";
import { dirname } from "node:path";
import { headText } from "../registry/audit";
import { errorCode } from "../registry/errors";
import { isClientName } from "../registry/layout";
import { readChanges } from "../registry/reader";
import type { ControlError } from "./answers";
import { ControlFailure } from "./client";
import { explain } from "./failures";
import { createControl } from "./handler";
import { inputs, PROTOCOL_VERSION, type Response } from "./protocol";
import { redact } from "./redact";

/** What the entry is given besides the request; see `Context` in the Lambda developer guide. */
export interface InvocationContext {
  readonly awsRequestId: string;
}

/** What the entry works with; tests put their own in. */
export interface LambdaSurroundings {
  /** Where the registry's file system is mounted; undefined when the function was not told. */
  readonly root: string | undefined;
  readonly isMountPoint: (path: string) => Promise<boolean>;
  /** Takes one line of the log. */
  readonly write: (line: string) => void;
  readonly clock: () => number;
}

/** The Lambda entry: a request in, an answer out, one line in the log for each. */
export function createLambdaHandler(surroundings: LambdaSurroundings) {
  const { root, write, clock } = surroundings;
  const log = (level: "info" | "error", fields: object): void =>
    write(redact(JSON.stringify({ level, time: new Date(clock()).toISOString(), ...fields })));
  const control =
    root === undefined
      ? undefined
      : createControl({
          root,
          source: "lambda",
          onUnexpected: (error, operation) => log("error", { operation, ...framesOf(error) }),
        });
  return async (event: unknown, { awsRequestId }: InvocationContext): Promise<Response> => {
    const begin = clock();
    const unable = await mountProblem(surroundings);
    const response: Response =
      control === undefined || unable !== undefined
        ? { version: PROTOCOL_VERSION, ok: false, error: unable ?? notTold }
        : await control.handle(event, { invocation: awsRequestId });
    log(response.ok ? "info" : "error", {
      ...aboutRequest(event),
      invocation: awsRequestId,
      ...aboutResponse(response),
      ...(response.ok ? await auditHead(root) : {}),
      milliseconds: clock() - begin,
    });
    // Only a deployment calls `init`, and Pulumi keeps the answer of a call that ended well, whatever it says, and does not call again. A
    // call that fails ends the deployment, leaves nothing, and is made again by the next one.
    if (!response.ok && operationOf(event) === "init") throw new InitFailure(response.error);
    return response;
  };
}

/** Its message is what `pulumi up` shows. */
class InitFailure extends Error {
  override readonly name = "InitFailure";

  constructor(error: ControlError) {
    super(new ControlFailure(error).message);
    // Lambda would print the stack into the deployment's output.
    this.stack = "";
  }
}

const notTold: ControlError = {
  code: "missing",
  message: "the function does not know where the registry is: WGC_REGISTRY is not set",
  issues: [],
  remedy: "deploy again (`pulumi up`)",
};

/** Without its file system the folder is the sandbox's own: a registry that was made there would be gone with it. */
async function mountProblem({ root, isMountPoint }: LambdaSurroundings): Promise<ControlError | undefined> {
  if (root === undefined) return notTold;
  try {
    if (await isMountPoint(root)) return undefined;
  } catch (error) {
    return explain(error, root, "status");
  }
  return {
    code: "missing",
    message: `the registry's file system is not mounted at ${root}`,
    issues: [],
    remedy:
      "check the function's file system configuration and the access point, then deploy again (`pulumi up`)",
  };
}

/** Whether something is mounted at a folder: then it is on another device than its parent (stat(2)). */
export async function isMountPoint(path: string): Promise<boolean> {
  try {
    const [here, above] = await Promise.all([fs.stat(path), fs.stat(dirname(path))]);
    return here.isDirectory() && here.dev !== above.dev;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return false;
    throw error;
  }
}

function operationOf(event: unknown): string | undefined {
  const { operation } = fieldsOf(event);
  return typeof operation === "string" && Object.hasOwn(inputs, operation) ? operation : undefined;
}

/** What of a request goes into the log: only what has the form that it must have. Never the input itself. */
function aboutRequest(event: unknown): object {
  const request = fieldsOf(event);
  const { caller } = request;
  const client = fieldsOf(request["input"])["name"];
  return {
    operation: operationOf(event) ?? "unknown",
    ...(typeof client === "string" && isClientName(client) ? { client } : {}),
    ...(typeof caller === "string" && /^[\w+=,.@:/-]{1,512}$/.test(caller) ? { caller } : {}),
  };
}

function aboutResponse(response: Response): object {
  if (response.ok) return { outcome: "ok", revision: response.revision };
  const { code, issues } = response.error;
  return { outcome: code, ...(issues.length === 0 ? {} : { fields: issues.map(({ path }) => path) }) };
}

/** Where the audit log ends: whoever can write the registry's files can make up another history, but not in this log group too. */
async function auditHead(root: string | undefined): Promise<object> {
  const feed = root === undefined ? undefined : await readChanges(root).catch(() => undefined);
  return feed?.audit === undefined ? {} : { auditHead: headText(feed.audit) };
}

/** Where an error arose. Its message stays out: messages of Node.js can repeat a piece of a file. */
function framesOf(error: unknown): object {
  if (!(error instanceof Error)) return { error: typeof error };
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return {
    error: error.name,
    code: errorCode(error),
    frames: frames.slice(0, 10).map((frame) => frame.trim()),
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** What Lambda calls (`lambda.handler`). Lines on standard output go to the function's log group as they are. */
export const handler = createLambdaHandler({
  root: process.env["WGC_REGISTRY"],
  isMountPoint,
  write: (line) => process.stdout.write(`${line}\n`),
  clock: () => Date.now(),
});
