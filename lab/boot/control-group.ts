/**
 * A booted machine's systemd keeps its services in control groups, which are folders that outlive their processes. All of a lab's lie in
 * one folder, and a process outside of the lab takes that away when the lab has ended, also when it was killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import type { Writable } from "node:stream";

/** Name of a lab's folder in each hierarchy. @param runFolder folder of that lab's run; no two labs have the same */
export function controlGroup(runFolder: string): string {
  return `wgc-lab-${createHash("sha256").update(runFolder).digest("hex").slice(0, 12)}`;
}

// The pipe closes with the last process that holds its other end. A group goes once its last process is reaped, a moment later.
const TIDY = `
cat >/dev/null
for try in 1 2 3 4 5 6 7 8 9 10; do
  left=
  for hierarchy in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -d "$hierarchy/$1" ] || continue
    find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || left=yes
  done
  [ -n "$left" ] || exit 0
  sleep 0.5
done
`;

/** Whoever holds `pipe` keeps the control groups; they go when its last holder ends. */
export interface Tidier {
  process: ChildProcess;
  pipe: Writable;
}

/** Starts the process that takes the lab's control groups away. */
export function startTidier(name: string): Tidier {
  const child = spawn("sh", ["-c", TIDY, "tidy", name], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  return { process: child, pipe: child.stdin };
}
