import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sessionArguments, shellLine } from "../../cli/session";
import { documentName, SESSIONS } from "../../components/session-documents";
import { wgc } from "./support";

jest.setTimeout(60_000);
const folder = mkdtempSync(join(tmpdir(), "wgc-node-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A search path whose only `aws` ends with this code and notes what it was called with; undefined: there is none. */
function pathWith(aws: number | undefined): string {
  const bin = mkdtempSync(join(folder, "bin-"));
  mkdirSync(bin, { recursive: true });
  if (aws !== undefined) {
    writeFileSync(join(bin, "aws"), `#!/bin/sh\nprintf '%s\\n' "$@" >${folder}/called\nexit ${aws}\n`);
    chmodSync(join(bin, "aws"), 0o755);
    return `${bin}:/usr/bin:/bin`;
  }
  return bin;
}

const ID = "i-0123456789abcdef0";
const PARAMETERS = '{"command":["sudo /opt/wgc/bin/node /opt/wgc/agent.js drain"]}';
const LINE = `aws ssm start-session --region us-east-1 --target ${ID} --document-name AWS-StartNonInteractiveCommand --parameters '${PARAMETERS}'`;

test("a server of a stack is drained through a session of the AWS CLI, in the stack's region", async () => {
  const { code, stderr } = await wgc(["node", "drain", ID, "--stack", "dev"], undefined, {
    PATH: pathWith(0),
  });
  expect([code, stderr]).toEqual([0, ""]);
  expect(readFileSync(join(folder, "called"), "utf8").trim().split("\n")).toEqual([
    ...["ssm", "start-session", "--region", "us-east-1", "--target", ID],
    ...["--document-name", "AWS-StartNonInteractiveCommand", "--parameters", PARAMETERS],
  ]);
});

test("where there is an operators' role, its own session documents are used", () => {
  const place = { region: "eu-west-1", documents: "wgc-prod", healthPort: 8080 };
  for (const command of ["health", "drain", "undrain"] as const) {
    expect(SESSIONS).toContain(command);
    expect(sessionArguments(place, ID, command)).toEqual([
      ...["ssm", "start-session", "--region", "eu-west-1", "--target", ID],
      ...["--document-name", documentName(command, "wgc-prod")],
    ]);
  }
});

test("prod has such a role, and dev has none", async () => {
  await wgc(["node", "undrain", ID, "--stack", "prod"], undefined, { PATH: pathWith(0) });
  expect(readFileSync(join(folder, "called"), "utf8")).toMatch(/--document-name\nundrain-wgc-prod\n$/);
});

test("without the AWS CLI the command to run is printed", async () => {
  const { code, stderr } = await wgc(["node", "drain", ID, "-s", "dev"], undefined, {
    PATH: pathWith(undefined),
  });
  expect(code).toBe(1);
  expect(stderr).toContain(
    `the AWS CLI is not installed here; run this where it and its Session Manager plugin are:\n${LINE}`,
  );
});

test("its failure is this command's failure", async () => {
  const { code, stderr } = await wgc(["node", "drain", ID, "-s", "dev"], undefined, { PATH: pathWith(254) });
  expect(code).toBe(1);
  expect(stderr).toContain(`the AWS CLI ended with code 254; it ran:\n${LINE}`);
});

test.each([
  [["drain", "s1"], "say where s1 is: either --lab or --stack <name>"],
  [["undrain", ID, "--lab", "--stack", "dev"], `say where ${ID} is: either --lab or --stack <name>`],
  [
    ["drain", "s1", "--stack", "dev"],
    "'s1' is no instance id; name the server as AWS does, as in: i-0123456789abcdef0",
  ],
  [["drain", ID, "--stack", "nope"], 'there is no stack "nope"'],
])("node %j is refused", async (args, message) => {
  const { code, stderr } = await wgc(["node", ...args]);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test("a printed command can be pasted into a shell", () => {
  expect(shellLine(["a", "b c", "it's", "{}", ""])).toBe(`a 'b c' 'it'\\''s' '{}' ''`);
});
