import { FAULTS } from "../../lab/faults";
import { allCommands, helpOf } from "./help";
import { STACK, wgc } from "./support";

jest.setTimeout(240_000); // each command is a process of its own, and the machine may be busy

test("every command's help names it and has examples", () => {
  const commands = allCommands();
  expect(commands).toEqual(expect.arrayContaining(["", "lab fault", "client add", "server-key begin"]));
  for (const command of commands) {
    const help = helpOf(command);
    expect({ command, usage: help?.split("\n")[0] }).toEqual({
      command,
      usage: expect.stringMatching(new RegExp(`^Usage: wgc ?${command}`)),
    });
    expect(help).toMatch(/^Examples:\n.*wgc/m);
  }
});

test.each([[], ["client", "add"]])("--help goes to the output and is no error: %j", async (...words) => {
  const { code, stdout, stderr } = await wgc([...words, "--help"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^Examples:\n.*wgc/m);
});

test("the help of lab fault tells every fault", async () => {
  const { stdout } = await wgc(["lab", "fault", "--help"]);
  for (const [kind, { what }] of Object.entries(FAULTS)) {
    expect(stdout).toMatch(new RegExp(`^ {2}${kind}.*${what}$`, "m"));
  }
});

test.each([
  [["demmo"], "error: unknown command 'demmo'\n(Did you mean demo?)"],
  [["plan", "--stak", "dev"], "error: unknown option '--stak'\n(Did you mean --stack?)"],
  [["lab", "sideways"], "error: unknown command 'sideways'"],
  [["lab", "up", "--bogus"], "error: unknown option '--bogus'"],
  [["lab", "status", "now"], "error: too many arguments for 'status'. Expected 0 arguments but got 1."],
  [["lab", "exec", "s1"], "error: missing required argument 'command'"],
  [["lab", "fault"], "error: missing required argument 'kind'"],
  [["plan", "--stack"], "error: option '--stack <name>' argument missing"],
])("%j is refused with one message", async (args, message) => {
  const { code, stdout, stderr } = await wgc(args);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr.startsWith(message)).toBe(true);
  expect(stderr.match(/error:/g)).toHaveLength(1);
  expect(stderr).toContain("(see: ./wgc --help)");
  expect(stderr).not.toMatch(STACK);
});

test.each([
  [["lab", "fault", "explode"], `unknown fault 'explode'; there are: ${Object.keys(FAULTS).join(", ")}`],
  [["lab", "fault", "crash"], "fault crash takes one server, as in: ./wgc lab fault crash s1"],
  [["test", "nowhere", "plan", "neverland"], "no tests called 'nowhere', 'neverland'; there are: "],
  [
    ["plan", "--config", "minServers"],
    "--config minServers: expected key=value, for example --config wgc:maxServers=8",
  ],
  [["bench", "failover", "--scenario", "boom"], "--scenario does not know 'boom'; there are: crash, "],
  [["bench", "failover", "--runs", "none"], "--runs must be a whole number from 1 to 1000, not 'none'"],
  [
    ["bench", "failover", "--health", "fast", "--write"],
    "only results with the planned health checks are published; leave out --health or --write",
  ],
  [["bench", "throughput", "--seconds", "0"], "--seconds must be a whole number from 1 to 600, not '0'"],
  [
    ["bench", "apply", "--clients", "1000,many"],
    "--clients must be a whole number from 10 to 1000000, not 'many'",
  ],
  [["soak", "--minutes", "-1"], "--minutes must be a whole number from 1 to 1440, not '-1'"],
  [["soak", "--seed", "a b"], "--seed must be 1 to 64 letters, digits, '.', '_' or '-', not 'a b'"],
  [
    ["plan", "--stack", "mars"],
    'there is no stack "mars" (no Pulumi.mars.yaml); this project has dev, private, prod',
  ],
])("%j ends with one clear message", async (args, message) => {
  const { code, stdout, stderr } = await wgc(args);
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr.startsWith(`wgc: error: ${message}`)).toBe(true);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("a stack trace appears with --debug only, wherever that stands", async () => {
  const plain = await wgc(["test", "nowhere"]);
  expect(plain.stderr).not.toMatch(STACK);
  for (const args of [
    ["--debug", "test", "nowhere"],
    ["test", "nowhere", "--debug"],
  ]) {
    const { code, stderr } = await wgc(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(STACK);
    expect(stderr.startsWith(plain.stderr.trimEnd())).toBe(true);
  }
});
