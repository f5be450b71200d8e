import { join } from "node:path";
import { runTool, SHELLCHECK, testWith } from "../support/tool";

const SCRIPTS = ["guest/early", "guest/init", "guest/unpack", "nfs"].map((name) =>
  join(__dirname, "../../vm", name),
);

testWith(SHELLCHECK, "shellcheck finds nothing in the scripts that make the machine and run in it", () => {
  expect(runTool("shellcheck", ["--shell=sh", "--severity=style", ...SCRIPTS])).toEqual({
    code: 0,
    text: "",
  });
});
