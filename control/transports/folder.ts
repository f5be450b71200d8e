import { hostname, userInfo } from "node:os";
import type { Transport } from "../client";
import { type ControlOptions, createControl } from "../handler";

/** The handler in this process, on a registry folder; `who` in its audit log is this user on this machine. */
export function folderTransport(
  root: string,
  options: Omit<ControlOptions, "root" | "source"> = {},
): Transport {
  const control = createControl({ ...options, root, source: "local" });
  const who = localUser();
  return (request) => control.handle(request, { who });
}

/** `user@machine` of this process. */
export function localUser(): string {
  let user = "unknown";
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry in the password database has no name (os.userInfo in Node.js' documentation).
  }
  return `${user}@${hostname()}`;
}
