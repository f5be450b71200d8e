import { Command } from "commander";
import { addClientCommand } from "../../cli/client-command";
import { completionScript } from "../../cli/completion";
import type { Operator } from "../../cli/operator";
import { runTool, type Tool, testWith } from "../support/tool";
import { PROJECT, wgc } from "./support";

jest.setTimeout(240_000);

const BASH: Tool = { name: "bash", probe: ["bash", "-c", "complete -p >/dev/null; true"] };
const ZSH: Tool = { name: "zsh", probe: ["zsh", "--version"] };
const FISH: Tool = { name: "fish", probe: ["fish", "--version"] };

function tree(): Command {
  const program = new Command("wgc");
  addClientCommand(program, {} as Operator);
  return program;
}

/** What bash would offer for a line; its last word is the one that is being typed. */
function offered(...words: string[]): string[] {
  const script = `${completionScript("bash", tree())}
cd "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_wgc
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, text } = runTool("bash", ["-c", script, "bash", PROJECT, "./wgc", ...words]);
  expect(code).toBe(0);
  return text.split("\n").filter((line) => line !== "");
}

testWith(BASH, "bash: commands, options, choices, stacks, files", () => {
  expect(offered("cl")).toEqual(["client"]);
  expect(offered("client", "re")).toEqual(["revoke", "restore", "remove"]);
  expect(offered("client", "add", "--ex")).toEqual(["--expires"]);
  expect(offered("client", "add", "bob", "--format", "net")).toEqual(["networkd", "networkmanager"]);
  expect(offered("client", "add", "bob", "--stack", "")).toEqual(["dev", "private", "prod"]);
  expect(offered("client", "import", "READ")).toEqual(["README.md"]);
  expect(offered("client", "add", "bob", "--out", "READ")).toEqual(["README.md"]);
  expect(offered("client", "add", "bob", "--routes", "")).toEqual([]);
  expect(offered("client", "add", "bob", "--wait", "--js")).toEqual(["--json"]);
  expect(offered("client", "list", "--state", "")).toEqual(["active", "revoked", "expired"]);
  expect(offered("client", "show", "")).toEqual([]);
});

testWith(ZSH, "zsh: its script is one", () => {
  expect(runTool("zsh", ["-n"], completionScript("zsh", tree()))).toEqual({ code: 0, text: "" });
  expect(runTool("zsh", ["-n"], "case x in").code).toBe(1);
});

testWith(FISH, "fish: commands, options, choices", () => {
  const script = (line: string): string => `${completionScript("fish", tree())}\ncomplete -C '${line}'`;
  const names = (line: string): string[] =>
    runTool("fish", ["--no-config", "-c", script(line)])
      .text.split("\n")
      .flatMap((each) => each.split("\t")[0] || []);
  expect(names("wgc client re")).toEqual(["remove", "restore", "revoke"]);
  expect(names("wgc client add bob --format net")).toEqual(["networkd", "networkmanager"]);
  expect(names("wgc client add bob --wait --js")).toEqual(["--json"]);
});

test("what is printed covers every command that the help lists", async () => {
  const [{ stdout: help }, { stdout: script, code }] = await Promise.all([
    wgc(["--help"]),
    wgc(["completion", "bash"]),
  ]);
  expect(code).toBe(0);
  const listed = [...(help.split("Commands:\n")[1]?.matchAll(/^ {2}([a-z-]+)/gm) ?? [])].map(
    ([, name]) => name,
  );
  const words = /_wgc_commands\(\) \{\n {2}case "\$1" in\n {4}''\) printf '%s\\n' '([^']+)'/
    .exec(script)?.[1]
    ?.split(" ");
  expect(words).toEqual(listed.filter((name) => name !== "help"));
  expect(words).toContain("server-key");
});

test("a shell that there is no script for", async () => {
  const { code, stderr } = await wgc(["completion", "tcsh"]);
  expect(code).toBe(2);
  expect(stderr).toContain("'tcsh' is invalid for argument 'shell'. Allowed choices are bash, zsh, fish.");
});
