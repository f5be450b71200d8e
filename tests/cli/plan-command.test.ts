import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyOfCheckout, STACK, wgc } from "./support";

jest.setTimeout(60_000);

test.each([
  [
    "a wrong range",
    "wgc:vpcCidr=10.0.0.0/33",
    /wgc:vpcCidr is 10\.0\.0\.0\/33: it must be .+\n +pulumi config set wgc:vpcCidr \S+/,
  ],
  [
    "more at least than at most",
    "wgc:minServers=9",
    /wgc:minServers is 9: it must not be above wgc:maxServers, which is 6\n +pulumi config set wgc:minServers 6/,
  ],
  [
    "one zone",
    "wgc:availabilityZoneCount=1",
    /wgc:availabilityZoneCount is 1: it must be .+\n +pulumi config set wgc:availabilityZoneCount \d/,
  ],
  [
    "port 0",
    "wgc:listenPort=0",
    /wgc:listenPort is 0: it must be .+\n +pulumi config set wgc:listenPort \d+/,
  ],
  ["a key that nobody knows", "wgc:minServer=3", /wgc:minServer\b[\s\S]*pulumi config (rm|set) /],
])(
  "%s is refused: field, value, what is allowed, and the command that mends it",
  async (_, config, message) => {
    const { code, stdout, stderr } = await wgc(["plan", "--config", config]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr.match(/error:/g)).toHaveLength(1);
    expect(stderr).not.toMatch(STACK);
  },
);

test("all faults of one configuration are told together", async () => {
  const { stderr } = await wgc([
    "plan",
    "--config",
    "wgc:listenPort=0",
    "--config",
    "wgc:vpcCidr=x",
    "--config",
    "wgc:nope=1",
  ]);
  for (const key of ["wgc:listenPort", "wgc:vpcCidr", "wgc:nope"]) expect(stderr).toContain(key);
});

describe("a program that throws", () => {
  const project = copyOfCheckout();
  const program = readFileSync(join(project, "index.ts"), "utf8");
  writeFileSync(join(project, "index.ts"), `${program}\nthrow new TypeError("no such thing as 7");\n`);

  test("is reported as the program's failure, with its place; the trace needs --debug", async () => {
    const plain = await wgc(["plan"], project);
    expect(plain.code).toBe(1);
    expect(plain.stdout).toBe("");
    expect(plain.stderr).toMatch(
      /^wgc: error: the Pulumi program failed at index\.ts:\d+: .*no such thing as 7/,
    );
    expect(plain.stderr).not.toMatch(STACK);
    const debug = await wgc(["plan", "--debug"], project);
    expect(debug.code).toBe(1);
    expect(debug.stderr).toMatch(STACK);
  });
});

test("--json is one document on standard output; progress goes elsewhere", async () => {
  const { code, stdout, stderr } = await wgc(["plan", "--json"]);
  expect(code).toBe(0);
  const plan = JSON.parse(stdout) as { project: string; stack: string; resources: unknown[] };
  expect([plan.project, plan.stack]).toEqual(["wgc", "dev"]);
  expect(plan.resources.length).toBeGreaterThan(50);
  expect(stderr).toMatch(/^planned in \d+\.\d s$/m);
});
