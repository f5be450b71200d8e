/** Makes the virtual machine's disks and keeps them below .wgc/vm/: made once, then only when what they are made from changes. */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { CommandError, run } from "../lab/process";
import { hostProblem, PACKAGES, recipeHash, releaseOf } from "./recipe";

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
  const system = await cached(
    project,
    "system",
    recipeHash(releaseOf(osRelease), PACKAGES, scripts),
    async (folder) => {
      tell("making the virtual machine's system from Debian's packages (about 110 MB to download) ...");
      await makeSystem(folder);
    },
  );
  const lock = createHash("sha256").update(readFileSync(join(project, "package-lock.json")));
  const packages = await cached(project, "packages", lock.digest("hex").slice(0, 16), async (folder) => {
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

/** A folder named after what it is made from: it appears complete or not at all, and takes the place of older ones. */
async function cached(
  project: string,
  kind: string,
  hash: string,
  make: (folder: string) => Promise<void>,
): Promise<string> {
  const all = vmFolder(project);
  const folder = join(all, `${kind}-${hash}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    await make(draft);
    for (const old of readdirSync(all).filter((name) => new RegExp(`^${kind}-[0-9a-f]{16}$`).test(name)))
      rmSync(join(all, old), { recursive: true });
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    throw error instanceof CommandError ? new UserError(`the disk cannot be made: ${error.message}`) : error;
  }
  return folder;
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
