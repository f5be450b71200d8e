/** Makes the virtual machine's disks and keeps them below .wgc/vm/: made once, then only when what they are made from changes. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { recipeHash, releaseOf } from "../lab/debian";
import { madeOnce } from "../lab/made-once";
import { run } from "../lab/process";
import { hostProblem, PACKAGES } from "./recipe";

/** The disks that all runs share; none of them is ever written to. */
export interface Image {
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
  /** The npm packages of the checkout. */
  readonly packages: string;
}

const GUEST = join(__dirname, "guest");
const LIMIT_MS = 900_000;

/** Folder of everything about the virtual machine. */
export function vmFolder(project: string): string {
  return join(project, ".wgc", "vm");
}

/**
 * The image for this checkout; made now when there is none. `tell` hears what takes long.
 *
 * @throws UserError where none can be made, with the reason.
 */
export async function ensureImage(project: string, tell: (text: string) => void): Promise<Image> {
  const osRelease = readFileSync("/etc/os-release", "utf8");
  const problem = hostProblem(process.arch, osRelease);
  if (problem !== undefined) throw new UserError(problem);
  const scripts = readdirSync(GUEST)
    .sort()
    .map((name) => readFileSync(join(GUEST, name), "utf8"));
  const kept = (kind: string, hash: string) => ({ all: vmFolder(project), kind, hash, what: "the disk" });
  const recipe = recipeHash(releaseOf(osRelease), PACKAGES, scripts);
  const system = await madeOnce(kept("system", recipe), async (folder) => {
    tell("making the virtual machine's system from Debian's packages (about 110 MB to download) ...");
    await makeSystem(folder);
  });
  const lock = createHash("sha256").update(readFileSync(join(project, "package-lock.json")));
  const packages = await madeOnce(kept("packages", lock.digest("hex").slice(0, 16)), async (folder) => {
    tell("making a disk of the npm packages ...");
    await makeDisk(realpathSync(join(project, "node_modules")), join(folder, "packages.img"), 256);
  });
  return {
    kernel: join(system, "vmlinuz"),
    initrd: join(system, "initrd"),
    root: join(system, "root.img"),
    packages: join(packages, "packages.img"),
  };
}

/** Downloads the packages as if nothing were installed, from this machine's own sources, and makes the system from them. */
async function makeSystem(folder: string): Promise<void> {
  const work = join(folder, "work");
  for (const name of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(work, name), { recursive: true });
  writeFileSync(join(work, "status"), "");
  const settings = [
    `Dir::State::lists=${join(work, "lists")}`,
    `Dir::State::status=${join(work, "status")}`,
    `Dir::Cache=${join(work, "cache")}`,
    "Debug::NoLocking=true",
    "APT::Sandbox::User=", // root's apt would become another user, who may not write here
  ].flatMap((setting) => ["-o", setting]);
  const options = { timeout: LIMIT_MS };
  await run(["apt-get", ...settings, "update", "-qq"], options);
  const download = ["install", "-qq", "-y", "--download-only", "--no-install-recommends"];
  await run(["apt-get", ...settings, ...download, ...PACKAGES], options);
  const tree = join(work, "tree");
  mkdirSync(tree);
  await asRoot(["sh", join(GUEST, "unpack"), join(work, "cache/archives"), tree, folder, GUEST]);
  rmSync(work, { recursive: true });
}

/** A file system with the contents of a folder, and room for `spareMegabytes` more. The file is sparse. */
export async function makeDisk(folder: string, file: string, spareMegabytes: number): Promise<void> {
  const used = Number.parseInt(await run(["du", "-sm", folder]), 10);
  const size = `${Math.ceil(used * 1.3) + spareMegabytes}M`;
  await asRoot(["mkfs.ext4", "-q", "-O", "^has_journal", "-N", "131072", "-d", folder, file, size]);
}

/** In a user namespace, where all files of this user look like root's: so they do in the disk. */
async function asRoot(command: readonly string[]): Promise<void> {
  await run(["unshare", "--user", "--map-root-user", ...command], { timeout: LIMIT_MS });
}
