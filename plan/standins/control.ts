import { handle, type Standin, text } from "./standin";

/**
 * The servers' public key in every plan: 32 bytes that say what they are. A real key is made when the function runs, and the lab's
 * when the lab starts, so whoever meets this one in a client's configuration has taken it from a plan.
 */
export const PLACEHOLDER_KEY = Buffer.from("placeholder of a plan, not a key").toString("base64");

/** What the control function would answer to the one request that a deployment sends it; other calls have no answer here. */
const invocation: Standin = (inputs, context) => {
  const { id } = handle("invocation")(inputs, context);
  if (!isInit(text(inputs, "input"))) return { id, outputs: {} };
  const result = { publicKey: PLACEHOLDER_KEY, created: true };
  const answer = { version: 1, ok: true, operation: "init", revision: 0, result };
  return { id, outputs: { result: JSON.stringify(answer) } };
};

function isInit(input: string): boolean {
  try {
    const request: unknown = JSON.parse(input);
    return (
      typeof request === "object" &&
      request !== null &&
      "operation" in request &&
      request.operation === "init"
    );
  } catch {
    return false;
  }
}

export const control: Readonly<Record<string, Standin>> = { "aws:lambda/invocation:Invocation": invocation };
