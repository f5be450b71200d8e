import { readChanges } from "../../registry/reader";
import { abortRotation, beginRotation, finishRotation, rotationState } from "../../registry/server-key";
import type { Perform } from "./context";

/** The rotation of the server key: where it stands, and its steps. The registry knows a repeated request of a step again. */
export const serverKey: Perform<"serverKey"> = async ({ action, force }, context) => {
  const { root, change, now, writerOptions } = context;
  if (action === "status") {
    const { revision } = await readChanges(root);
    return { revision, result: await rotationState(root, now) };
  }
  const { value, revision } =
    action === "finish"
      ? await finishRotation(root, change, { ...writerOptions, force })
      : action === "abort"
        ? await abortRotation(root, change, writerOptions)
        : await beginRotation(root, change, writerOptions);
  return { revision, result: value };
};
