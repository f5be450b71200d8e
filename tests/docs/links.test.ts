import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { helpOf } from "../cli/help";

const root = join(__dirname, "..", "..");
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const pages = tracked.filter((file) => file.endsWith(".md"));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const withoutCode = (text: string): string => text.replace(/```[\s\S]*?```/g, "").replace(/`[^`\n]*`/g, "");

/** The name that GitHub gives a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

function brokenLinks(file: string): string[] {
  const targets = [...withoutCode(read(file)).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = "", anchor] = target.split("#");
      const there = path === "" ? file : relative(root, join(root, dirname(file), path));
      if (!existsSync(join(root, there))) return true;
      if (anchor === undefined) return false;
      const headings = [...read(there).matchAll(/^#+ (.+)$/gm)].map((match) => slug(match[1] ?? ""));
      return !headings.includes(anchor);
    })
    .map((target) => `${file}: ${target}`);
}

test("every relative link of every page leads to a file, and to a heading in it", () => {
  expect(pages).toEqual(
    expect.arrayContaining([
      "README.md",
      "docs/architecture.md",
      "docs/operations.md",
      "docs/configuration.md",
    ]),
  );
  expect(pages.flatMap(brokenLinks)).toEqual([]);
});

test("every file that a page names in code exists", () => {
  const named =
    /`((?:agent|cli|components|config|docs|lab|plan|registry|scripts|tests|userdata|wireguard)\/[\w./-]+)`/g;
  const missing = pages.flatMap((file) =>
    [...read(file).matchAll(named)]
      // `agent/` and `registry/` are folders on the servers' side as well: in the bucket and on EFS.
      .filter(([, path = ""]) => /\.(ts|mjs|md|svg)$/.test(path) && !existsSync(join(root, path)))
      .map(([, path]) => `${file}: ${path}`),
  );
  expect(missing).toEqual([]);
});

/** Commands that the pages mention: the words after ./wgc up to the end of the code or the line. */
const mentioned = [
  ...new Set(
    pages.flatMap((file) =>
      [...read(file).matchAll(/\.\/wgc((?: +[\w<>:=./-]+)*)/g)].map((match) => (match[1] ?? "").trim()),
    ),
  ),
].sort();

/** What is wrong with one mentioned command line, or undefined. */
function problemOf(line: string): string | undefined {
  const words = line.split(/ +/).filter(Boolean);
  const command = ["lab", "node", "bench", "client", "registry", "server-key"].includes(words[0] ?? "")
    ? words.slice(0, 2)
    : words.slice(0, 1);
  const path = command.filter((word) => !word.startsWith("-")).join(" ");
  const text = helpOf(path);
  if (text === undefined) return `there is no command '${path}'`;
  // What follows `lab exec MACHINE` is somebody else's command line.
  const own = path === "lab exec" ? [] : words;
  for (const option of own.filter((word) => /^-/.test(word)))
    if (!new RegExp(`(^|[ ,])${option}\\b`, "m").test(text)) return `'${path}' has no option ${option}`;
  const argument = words[command.length] ?? "-";
  if (
    path === "lab fault" &&
    !argument.startsWith("-") &&
    !new RegExp(`^ {2}${argument}( |$)`, "m").test(text)
  )
    return `no fault '${argument}'`;
  return undefined;
}

test("every ./wgc command that a page mentions exists, with its options", () => {
  expect(mentioned).toEqual(expect.arrayContaining(["demo", "test", "plan --stack prod"]));
  const problems = mentioned
    .map((line) => [line, problemOf(line)])
    .filter(([, problem]) => problem !== undefined);
  expect(problems).toEqual([]);
});

test("no file of the repository refers to the place where it was written", () => {
  const forbidden = new RegExp(
    [
      ["..", "shared"].join("/"),
      ["", "work", "(main|shared|\\.library)"].join("/"),
      "issues show \\d",
      "https?://registry\\.",
    ]
      .map((part) => part.replace("../", "\\.\\./"))
      .join("|"),
  );
  const small = tracked.filter((file) => statSync(join(root, file)).isFile() && !file.endsWith(".png"));
  expect(small.filter((file) => forbidden.test(read(file)))).toEqual([]);
});
