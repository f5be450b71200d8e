import { promises as fs } from "node:fs";

/**
 * Refuses to write below a mount point that nothing is mounted on: the records would land on the server's own disk, where no
 * other server sees them, and fill it. A folder that fstab does not name is no mount point (tests, a registry on one machine).
 *
 * @throws Error that names the folder.
 */
export async function assertMounted(path: string): Promise<void> {
  const [wanted, mounted] = await Promise.all([read("/etc/fstab"), read("/proc/self/mountinfo")]);
  if (!isMissing(path, wanted, mounted)) return;
  throw new Error(`${path} is not mounted; nothing is written there until it is (\`mount ${path}\`)`);
}

/** Whether fstab(5) names the folder as a mount point and /proc/self/mountinfo (proc(5)) does not. Pure. */
export function isMissing(path: string, fstab: string, mountinfo: string): boolean {
  const field = (text: string, n: number) =>
    text.split("\n").flatMap((line) => (line.startsWith("#") ? [] : (line.trim().split(/\s+/)[n] ?? [])));
  return field(fstab, 1).includes(path) && !field(mountinfo, 4).includes(path);
}

async function read(path: string): Promise<string> {
  return fs.readFile(path, "utf8").catch(() => "");
}
