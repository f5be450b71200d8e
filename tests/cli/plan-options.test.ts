import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STACK, wgc } from "./support";

jest.setTimeout(300_000);

const folder = mkdtempSync(join(tmpdir(), "wgc-plans-"));
const earlier = join(folder, "earlier.json");
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  const { stdout } = await wgc(["plan", "--stack", "prod", "--json"]);
  writeFileSync(earlier, stdout);
});

test("--policy lists what is broken and ends with 3; --json has it as data", async () => {
  const unprotected = ["plan", "--stack", "prod", "--config", "wgc:protect=false", "--policy"];
  const text = await wgc(unprotected);
  expect(text.code).toBe(3);
  expect(text.stdout).toMatch(/\npolicy {2}refused {2}\(wgc \d/);
  expect(text.stdout).toMatch(/\nstateful-protected mandatory\n {2}✗ /);
  const json = await wgc([...unprotected, "--json"]);
  expect(json.code).toBe(3);
  const { policy } = JSON.parse(json.stdout);
  expect(new Set(policy.violations.map(({ rule }: { rule: string }) => rule))).toEqual(
    new Set(["stateful-protected"]),
  );
});

test("--policy accepts the project as it is, and says what a preview leaves open", async () => {
  const { code, stdout } = await wgc(["plan", "--policy", "--preview"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/\npolicy {2}accepted {2}\(wgc \d.* 0 violations, [1-9]\d* not evaluated\)\n/);
  expect(stdout).toMatch(/\n {2}\? no-secret-in-user-data: could not be evaluated for ec2\.LaunchTemplate /);
});

test("--against: no change is 0, a lost address is 4 and a warning before anything else", async () => {
  const same = await wgc(["plan", "--stack", "prod", "--against", earlier]);
  expect([same.code, same.stdout.split("\n").slice(1, 5)]).toEqual([
    0,
    [
      "",
      expect.stringMatching(/^0 to create, 0 to update, 0 to replace, 0 to delete, \d+ the same$/),
      "servers: none is replaced",
      "",
    ],
  ]);
  const fewer = ["plan", "--stack", "prod", "--config", "wgc:availabilityZoneCount=2", "--against", earlier];
  const text = await wgc(fewer);
  expect(text.code).toBe(4);
  expect(text.stdout.split("\n")[1]).toBe(
    "WARNING: ec2.Eip wgc-endpoint-ip-3 would be deleted: clients know this address",
  );
});

test.each([
  ["a file that is not there", "nowhere.json", /no such file[\s\S]*\.\/wgc plan --stack prod --json > /],
  ["what is no plan", "other.json", /it is no plan \(project: /],
  ["a plan of another stack", "dev.json", /it is a plan of wgc\/dev, not of wgc\/prod/],
  [
    "a plan for another region",
    "region.json",
    /it is a plan for eu-west-1, and this one is for us-east-1; a stack cannot move/,
  ],
  ["a plan of another kind", "preview.json", /it is a preview plan and this one is resolved; add --preview/],
])("--against refuses %s", async (_, name, message) => {
  const base = {
    project: "wgc",
    stack: "prod",
    mode: "resolved",
    region: "us-east-1",
    outputs: {},
    diagnostics: [],
    resources: [],
  };
  writeFileSync(join(folder, "other.json"), "{}");
  writeFileSync(join(folder, "dev.json"), JSON.stringify({ ...base, stack: "dev" }));
  writeFileSync(join(folder, "region.json"), JSON.stringify({ ...base, region: "eu-west-1" }));
  writeFileSync(join(folder, "preview.json"), JSON.stringify({ ...base, mode: "preview" }));
  const { code, stdout, stderr } = await wgc(["plan", "--stack", "prod", "--against", join(folder, name)]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(STACK);
});

test("--policy refuses a folder without a pack", async () => {
  const { code, stdout, stderr } = await wgc(["plan", "--policy", folder]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`--policy ${folder}: there is no policy pack (no PulumiPolicy.yaml)`);
});
