import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool } from "../support/tool";
import { copyOfCheckout, wgc } from "./support";

jest.setTimeout(60_000);
const project = copyOfCheckout();

test.each([
  ["lab", "status"],
  ["lab", "status", "--json"],
  ["lab", "down"],
  ["lab", "join", "alice"],
  ["lab", "join", "alice", "--nat", "full-cone"],
  ["lab", "roam", "alice"],
  ["lab", "revoke", "alice"],
  ["node", "drain", "s1", "--lab"],
  ["node", "undrain", "s1", "--lab"],
  ["lab", "fault", "crash", "s1"],
  ["lab", "exec", "s1", "wg", "show"],
  ["lab", "exec", "s1", "wg", "--help"], // the program's option, not this command's
])("%s %s %s without a lab says how to start one", async (...args) => {
  expect(await wgc(args, project)).toEqual({
    code: 1,
    stdout: "",
    stderr: "wgc: error: no lab is running; start one with: ./wgc lab up\n",
  });
});

// Where programs of the lab are missing the command would install them instead.
const complete = runTool("sh", ["-c", "command -v wg nft conntrack ip pkill wireguard-go"]).code === 0;
const title = "where namespaces are forbidden, lab up says so and what to do, and starts nothing";
(complete ? test : test.skip)(
  complete ? title : `${title} (skipped: the lab's programs are not installed)`,
  async () => {
    const bin = join(project, "bin");
    mkdirSync(bin);
    writeFileSync(
      join(bin, "unshare"),
      "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n",
    );
    chmodSync(join(bin, "unshare"), 0o755);
    const PATH = `${bin}:${process.env["PATH"]}`;
    const { code, stdout, stderr } = await wgc(["lab", "up"], project, { PATH });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
      /^wgc: error: this machine does not let user \S+ make namespaces \(unshare: unshare failed: Operation not permitted\); (allow it with 'sudo|a container needs)/,
    );
    expect(existsSync(join(project, ".wgc/lab/default"))).toBe(false);
  },
);
