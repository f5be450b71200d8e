import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProgram } from "../../components/bundle";
import { temporaryFolder } from "./support";

const folder = mkdtempSync(join(tmpdir(), "wgc-control-bundle-"));
const bundle = bundleProgram(
  "the control function",
  join(__dirname, "..", "..", "control", "lambda.ts"),
  folder,
);

/** Calls the bundle as Lambda's runtime does: its module's `handler`, with an event and a context. */
function invoke(root: string, request: object) {
  const script = `require(${JSON.stringify(join(process.cwd(), bundle.file))})
    .handler(JSON.parse(process.argv[1]), { awsRequestId: "id-1" })
    .then((answer) => process.stderr.write(JSON.stringify(answer)))`;
  const env = { ...process.env, WGC_REGISTRY: root };
  const run = spawnSync(process.execPath, ["-e", script, "--", JSON.stringify(request)], {
    env,
    encoding: "utf8",
  });
  return { status: run.status, log: run.stdout, answer: JSON.parse(run.stderr) };
}

test("the function is one small file that needs nothing but Node.js", () => {
  const source = readFileSync(bundle.file, "utf8");
  const required = [...source.matchAll(/\brequire\("([^"]+)"\)/g)].map((match) => match[1] ?? "");
  expect(required.filter((name) => !name.startsWith("node:"))).toEqual([]);
  // Lambda reads all of it at each cold start; the AWS SDK or a logger in it would show here. Half of it is zod.
  expect(statSync(bundle.file).size).toBeLessThan(750_000);
});

test("it answers, logs one line, and refuses a folder that is no mount", () => {
  const root = temporaryFolder();
  const { status, log, answer } = invoke(root, {
    version: 1,
    operation: "status",
    input: {},
  });
  expect(status).toBe(0);
  expect(answer).toMatchObject({ version: 1, ok: false, error: { code: "missing" } });
  expect(log.split("\n")).toHaveLength(2);
  expect(JSON.parse(log)).toMatchObject({ operation: "status", invocation: "id-1", outcome: "missing" });
});
