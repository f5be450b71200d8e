import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePrograms, missingPrograms } from "../../cli/system-packages";

const PATH = process.env["PATH"];
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wgc-programs-"));
  process.env["PATH"] = join(folder, "empty");
});
afterEach(() => {
  process.env["PATH"] = PATH;
  rmSync(folder, { recursive: true, force: true });
});

/** Folders that are always looked into; what this machine has there is never missing. */
const ADMIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const elsewhere = (program: string): boolean => !ADMIN.some((path) => existsSync(join(path, program)));
const names = (withOptional: boolean, tools = join(folder, "tools")): string[] =>
  missingPrograms(tools, withOptional).map(({ program }) => program);

function provide(path: string, program: string, mode = 0o755): void {
  mkdirSync(join(folder, path), { recursive: true });
  writeFileSync(join(folder, path, program), "#!/bin/sh\n");
  chmodSync(join(folder, path, program), mode);
}

const NEEDED = ["wg", "wireguard-go", "nft", "conntrack", "ip", "unshare", "pkill"];
const kernel = existsSync("/sys/module/wireguard");
const expected = NEEDED.filter(elsewhere).filter((name) => !(kernel && name === "wireguard-go"));

test("programs that are nowhere are missing, the optional ones only when asked for", () => {
  expect(names(false)).toEqual(expected);
  expect(expected).toContain("unshare");
  const all = names(true);
  expect(all.slice(0, expected.length)).toEqual(expected);
  expect(all).toEqual(expect.arrayContaining(["bindfs", "shellcheck"].filter(elsewhere)));
});

test("each has its package for both families of distributions", () => {
  for (const { apt, dnf } of missingPrograms(join(folder, "tools"), true)) {
    expect(apt).toMatch(/^[a-z0-9.+-]+$/);
    expect(dnf).toMatch(/^[A-Za-z0-9.+-]+$/);
  }
});

test.each(["usr/sbin", "usr/bin", "sbin", "bin"])("a program unpacked below tools/%s is there", (path) => {
  provide(`tools/${path}`, "unshare");
  expect(names(false)).toEqual(expected.filter((name) => name !== "unshare"));
});

test("a program on the PATH is there, a file that cannot be run is not", () => {
  provide("empty", "pkill");
  provide("empty", "unshare", 0o644);
  expect(names(false)).toEqual(expected.filter((name) => name !== "pkill"));
});

test("what a distribution does not have takes nothing along: needed packages come first, refused optional ones singly", async () => {
  provide("empty", "apt-get");
  const log = join(folder, "asked");
  const script = `#!/bin/sh\necho "$*" >>${log}\ncase " $* " in *" shellcheck "*) echo "Unable to locate package shellcheck" >&2; exit 100 ;; esac\n`;
  writeFileSync(join(folder, "empty", "apt-get"), script);
  const optional = missingPrograms(join(folder, "tools"), true).filter((entry) => entry.optional);
  const packages = [...new Set(optional.map(({ apt }) => apt))];
  expect(packages).toEqual(expect.arrayContaining(["shellcheck", "iputils-ping"]));
  // The stand-in installs nothing, so what is needed is missing afterwards, too.
  await expect(ensurePrograms({ project: folder, yes: true, optional: true })).rejects.toThrow(
    /lacks .*unshare/,
  );
  const lines = readFileSync(log, "utf8").match(/(?<= --no-install-recommends ).*$/gm) ?? [];
  expect(lines[0]?.split(" ")).toContain("util-linux");
  expect(lines.slice(1)).toEqual([packages.join(" "), ...packages]);
});
