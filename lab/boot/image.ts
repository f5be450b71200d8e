/** Makes what booted servers need and keeps it below .wgc/boot/: Debian's root file system, and the emulator of AWS's services. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../../config/errors";
import { parseOsRelease, recipeHash, releaseOf } from "../debian";
import { madeOnce, removeLeftovers } from "../made-once";
import { attempt, run } from "../process";
import { BOOT_PROGRAMS, type BootFacts, bootProblem, MOTO, mirrorOf, PACKAGES } from "./recipe";

/** What all labs with booted servers share; nothing in it is ever written to. */
export interface BootImage {
  /** Root file system of a server before its first boot. */
  tree: string;
  /** Virtual environment of Python with moto in it. */
  moto: string;
}

const GUEST = join(__dirname, "guest");
const LIMIT_MS = 1_200_000;
const OS_RELEASE = "/etc/os-release";
const CGROUPS = "/sys/fs/cgroup";

/** Looks at this machine; nothing of what is tried stays. */
export async function bootFacts(): Promise<BootFacts> {
  const osRelease = existsSync(OS_RELEASE) ? readFileSync(OS_RELEASE, "utf8") : "";
  const there = await Promise.all(
    BOOT_PROGRAMS.map(({ program }) => attempt(["sh", "-c", 'command -v "$1"', "sh", program])),
  );
  return {
    architecture: process.arch,
    distribution: parseOsRelease(osRelease)["ID"] ?? "unknown",
    root: process.getuid?.() === 0,
    missing: BOOT_PROGRAMS.filter((_, index) => there[index]?.code !== 0).map(({ program }) => program),
    cgroups: canMakeCgroup(),
  };
}

/** Whether control groups can be made here. */
export function canMakeCgroup(): boolean {
  const parent = existsSync(join(CGROUPS, "systemd")) ? join(CGROUPS, "systemd") : CGROUPS;
  const probe = join(parent, `wgc-probe-${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
    return true;
  } catch {
    return false;
  }
}

/** Folder of everything about booted servers. */
export function bootFolder(project: string): string {
  return join(project, ".wgc", "boot");
}

/**
 * The image for this checkout; made now when there is none. `tell` hears what takes long.
 *
 * @throws UserError where servers cannot be booted, with the reason.
 */
export async function ensureBootImage(project: string, tell: (text: string) => void): Promise<BootImage> {
  const problem = bootProblem(await bootFacts());
  if (problem !== undefined) throw new UserError(problem);
  const all = bootFolder(project);
  removeLeftovers(all);
  const release = releaseOf(readFileSync(OS_RELEASE, "utf8"));
  const scripts = readdirSync(GUEST, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((file) => readFileSync(file, "utf8"));
  const recipe = recipeHash(release, PACKAGES, scripts);
  const system = { all, kind: "system", hash: recipe, what: "the servers' image" };
  const folder = await madeOnce(system, async (draft) => {
    tell("making the servers' image from Debian's packages (about 190 MB to download, two minutes) ...");
    await makeSystem(join(draft, "tree"), release);
  });
  const hash = createHash("sha256").update(MOTO.join("\n")).digest("hex").slice(0, 16);
  const emulator = { all, kind: "moto", hash, what: "the emulator of AWS's services" };
  const moto = await madeOnce(emulator, async (draft) => {
    tell("fetching moto, which stands for S3 and CloudWatch (about 40 MB, one minute) ...");
    await run(["python3", "-m", "venv", draft], { timeout: LIMIT_MS });
    const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...MOTO];
    await run([join(draft, "bin/python3"), ...install], { timeout: LIMIT_MS });
  });
  return { tree: join(folder, "tree"), moto };
}

/** From this machine's own mirror, whichever apt uses. */
async function makeSystem(tree: string, release: string): Promise<void> {
  const format = ["--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Created-By: Packages"];
  const mirror = mirrorOf(await run(["apt-get", "indextargets", ...format]), release);
  if (mirror === undefined)
    throw new UserError(`apt knows no source of Debian ${release} (main); see 'apt-get indextargets'`);
  const script = join(GUEST, "make-image");
  const command = ["sh", script, tree, release, mirror, join(GUEST, "image"), ...PACKAGES];
  await run(command, { timeout: LIMIT_MS });
}
