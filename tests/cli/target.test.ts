import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stackFacts } from "../../cli/target-stack";
import { initRegistry } from "../../registry/init";
import { PROJECT, STACK, wgc } from "./support";

jest.setTimeout(240_000);
const folder = mkdtempSync(join(tmpdir(), "wgc-target-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A project with stacks, and a search path on which `pulumi` is this script. */
function project(
  script: string | undefined,
  stack = "config:\n  aws:region: eu-central-1\n",
): { dir: string; path: string } {
  const dir = mkdtempSync(join(folder, "project-"));
  const path = join(dir, "bin");
  mkdirSync(path);
  writeFileSync(join(dir, "Pulumi.yaml"), "name: wgc\nruntime: nodejs\n");
  writeFileSync(join(dir, "Pulumi.dev.yaml"), stack);
  if (script !== undefined) {
    writeFileSync(join(path, "pulumi"), `#!/bin/sh\nprintf '%s\\n' "$@" >'${dir}/called'\n${script}\n`);
    chmodSync(join(path, "pulumi"), 0o755);
  }
  symlinkSync("/bin/sh", join(path, "sh"));
  return { dir, path };
}

async function facts(script: string | undefined, stack?: string, name = "dev"): Promise<unknown> {
  const { dir, path } = project(script, stack);
  const before = process.env["PATH"];
  process.env["PATH"] = path;
  try {
    return await stackFacts(dir, name);
  } catch (error) {
    return (error as Error).message;
  } finally {
    process.env["PATH"] = before;
  }
}

const OUTPUTS = `echo '{"controlFunctionName":"wgc-dev-control","serverPublicKey":"x"}'`;

test("function and region come from the stack's outputs and its file", async () => {
  const { dir, path } = project(`/bin/cat <<'END'\n{"controlFunctionName":"wgc-dev-control"}\nEND`);
  const before = process.env["PATH"];
  process.env["PATH"] = path;
  const found = await stackFacts(dir, "dev").finally(() => {
    process.env["PATH"] = before;
  });
  expect(found).toEqual({ functionName: "wgc-dev-control", region: "eu-central-1" });
  expect(readFileSync(join(dir, "called"), "utf8").trim().split("\n")).toEqual([
    ...["--non-interactive", "stack", "output", "--json", "--stack", "dev"],
  ]);
});

test("a stack of an organization has the same file, and encrypted values are nobody's business here", async () => {
  const stack = "config:\n  aws:region: us-west-2\n  wgc:secret:\n    secure: v1:abc\n";
  expect(await facts(OUTPUTS, stack, "acme/wgc/dev")).toEqual({
    functionName: "wgc-dev-control",
    region: "us-west-2",
  });
});

test.each([
  [
    "echo '{}'",
    "stack dev has no output controlFunctionName: it was deployed before there was one, or not at all; run: npx pulumi up --stack dev",
  ],
  ["echo nonsense", "pulumi stack output --json did not print JSON for stack dev"],
  [
    "echo \"error: no stack named 'dev' found\" >&2; exit 255",
    "Pulumi knows no stack dev here; those there are: npx pulumi stack ls",
  ],
  [
    "echo 'error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions' >&2; exit 255",
    "Pulumi is not logged in here; run: npx pulumi login (it said: error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions)",
  ],
  [
    "echo 'error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE' >&2; exit 255",
    "stack dev is encrypted with a passphrase; set PULUMI_CONFIG_PASSPHRASE (it said: error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE)",
  ],
  ["exit 7", "pulumi stack output failed for stack dev: it gave no reason"],
  [
    undefined,
    "the Pulumi CLI is not installed here, and a stack's outputs are read with it; run 'npm ci' in the checkout, or see https://www.pulumi.com/docs/install",
  ],
])("pulumi does: %s", async (script, message) => {
  expect(await facts(script)).toBe(message);
});

test("a stack without a region says how to set one", async () => {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  delete process.env["AWS_REGION"];
  delete process.env["AWS_DEFAULT_REGION"];
  expect(await facts(OUTPUTS, "config: {}\n")).toBe(
    "stack dev has no aws:region; run: npx pulumi config set aws:region REGION --stack dev",
  );
  process.env["AWS_REGION"] = "us-east-2";
  expect(await facts(OUTPUTS, "config: {}\n")).toEqual({
    functionName: "wgc-dev-control",
    region: "us-east-2",
  });
  restore("AWS_REGION", AWS_REGION);
  restore("AWS_DEFAULT_REGION", AWS_DEFAULT_REGION);
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

test("a stack's name is never an option of pulumi", async () => {
  expect(await facts(OUTPUTS, undefined, "a b")).toBe(
    `--stack "a b" is no stack's name (letters, digits, '.', '_', '-', '/')`,
  );
  expect(await facts(OUTPUTS, undefined, "--show-secrets")).toContain("is no stack's name");
});

test.each([
  [
    [],
    2,
    "say which cluster: --stack NAME (this project has dev, private, prod), --lab (none is running now) or --registry DIR",
  ],
  [["--lab", "--stack", "dev"], 2, "give only one of --stack, --lab and --registry"],
  [["--registry", "/nowhere/at/all"], 1, "--registry /nowhere/at/all: there is no such folder"],
  [
    ["--registry", join(PROJECT, "package.json")],
    1,
    `--registry ${join(PROJECT, "package.json")}: that is a file, not a registry's folder`,
  ],
  [["--lab"], 1, "no lab is running; start one with: ./wgc lab up"],
])("client list %j", async (args, code, message) => {
  const ran = await wgc(["client", "list", ...args]);
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, "", `wgc: error: ${message}\n`]);
});

test("the whole way with a folder: the process's output, exit codes, and nothing of a stack trace", async () => {
  const root = join(folder, "registry");
  mkdirSync(root);
  const empty = await wgc(["client", "list", "--registry", root]);
  expect([empty.code, empty.stdout]).toEqual([1, ""]);
  expect(empty.stderr).toMatch(/^wgc: error: changes\.json: does not exist: .*\n$/);
  expect(empty.stderr).not.toMatch(STACK);
  await initRegistry(root, {
    ...{ schema: 1, cluster: "wgc-test", endpoint: "vpn.example.com:51820", tunnelIpv4: "10.100.0.0/16" },
    ...{ dns: [], routes: ["10.0.0.0/16"], mtu: 1420, persistentKeepalive: 25 },
  });
  const added = await wgc(["client", "add", "alice", "--registry", root, "--out", "-"]);
  expect([added.code, added.stderr]).toEqual([0, "alice: 10.100.0.2/32, does not expire\n"]);
  expect(added.stdout).toMatch(/^\[Interface\]\nPrivateKey = /);
  const revoked = await wgc(["client", "revoke", "alice", "--registry", root]);
  expect([revoked.code, revoked.stderr]).toEqual([
    2,
    "wgc: error: nobody can be asked here (this is no terminal); add --yes if you are sure\n",
  ]);
  const waited = await wgc(["client", "revoke", "alice", "--registry", root, "--yes", "--wait"]);
  expect([waited.code, waited.stdout]).toEqual([3, "alice revoked (revision 2)\n"]);
});
