import type { NextKey } from "../local-copy";
import type { ServerKeyState } from "../storage-protocol";

/** What a server has to do about the server key. */
export type RotationStep =
  | { readonly kind: "none" }
  /** Serve the next key beside the present one. */
  | { readonly kind: "begin"; readonly next: NextKey }
  /** Serve the present key alone again. */
  | { readonly kind: "abort" }
  /** Serve the next key alone. */
  | { readonly kind: "finish"; readonly next: NextKey }
  /** The registry lists this server's key as a former one, and it has no copy of the one that counts now. */
  | { readonly kind: "left" }
  /** The registry's key is none that this server has ever heard of. */
  | { readonly kind: "foreign" };

/**
 * Compares what this server has with what the registry says. Pure.
 *
 * INVARIANTS: a server goes over to another key only when it had it as the next one before, or the registry's rotation file names it
 * as the one that is being finished: a registry that merely has another key is another cluster's. That a server was left behind is
 * only concluded from its own key among the former ones, which nobody but a finished rotation writes: a wrong registry, which all
 * servers would see alike, never looks so.
 */
export function decideRotation(
  publicKey: string,
  next: NextKey | undefined,
  registry: ServerKeyState,
): RotationStep {
  if (registry.publicKey !== publicKey) {
    if (next?.publicKey === registry.publicKey) return { kind: "finish", next };
    return { kind: registry.former.includes(publicKey) ? "left" : "foreign" };
  }
  const wanted = registry.next;
  if (wanted === undefined || wanted.phase === "aborting")
    return next === undefined ? { kind: "none" } : { kind: "abort" };
  if (next !== undefined && next.publicKey !== wanted.publicKey) return { kind: "abort" };
  if (next === undefined) return { kind: "begin", next: { publicKey: wanted.publicKey, port: wanted.port } };
  return wanted.phase === "finishing" ? { kind: "finish", next } : { kind: "none" };
}
