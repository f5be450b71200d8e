import { createLambdaHandler, isMountPoint, type LambdaSurroundings } from "../../control/lambda";
import { generatePresharedKey } from "../../wireguard/keys";
import { CLUSTER, errorOf, newKey, temporaryFolder } from "./support";

function makeFunction(more: Partial<LambdaSurroundings> = {}) {
  const lines: string[] = [];
  let time = Date.parse("2030-01-01T00:00:00Z");
  const invoke = createLambdaHandler({
    root: temporaryFolder(),
    isMountPoint: async () => true,
    write: (line) => void lines.push(line),
    clock: () => (time += 5),
    ...more,
  });
  const ask = (operation: string, input: unknown, envelope: object = {}) =>
    invoke({ version: 1, operation, input, ...envelope }, { awsRequestId: `id-${lines.length}` });
  return { invoke, ask, lines, entries: () => lines.map((line) => JSON.parse(line)) };
}

test("each call is one line: what, whom, who, by which invocation, how long, with what outcome", async () => {
  const { ask, entries } = makeFunction();
  await ask("init", { cluster: CLUSTER });
  const caller = "arn:aws:sts::1:assumed-role/ops/alice@example.com";
  await ask("add", { name: "alice", publicKey: newKey() }, { caller });
  await ask("add", { name: "alice", publicKey: "x" });
  const time = expect.stringMatching(/^2030-01-01T/);
  expect(entries()).toEqual([
    {
      level: "info",
      time,
      operation: "init",
      invocation: "id-0",
      outcome: "ok",
      revision: 0,
      auditHead: expect.stringMatching(/^1:[0-9a-f]{64}$/),
      milliseconds: 5,
    },
    {
      level: "info",
      time,
      operation: "add",
      client: "alice",
      caller,
      invocation: "id-1",
      outcome: "ok",
      revision: 1,
      auditHead: expect.stringMatching(/^2:[0-9a-f]{64}$/),
      milliseconds: 5,
    },
    {
      level: "error",
      time,
      operation: "add",
      client: "alice",
      invocation: "id-2",
      outcome: "invalid-request",
      fields: ["input.publicKey"],
      milliseconds: 5,
    },
  ]);
});

test("no key is in the log, public ones neither, wherever a request has it", async () => {
  const { ask, invoke, lines } = makeFunction();
  await ask("init", { cluster: CLUSTER });
  const keys = [newKey(), generatePresharedKey(), generatePresharedKey()];
  const [publicKey, presharedKey, other] = keys as [string, string, string];
  await ask("add", { name: "a", publicKey, presharedKey }, { requestKey: "request-1" });
  await ask("rotate", { name: "a", presharedKey: other });
  await ask("config", { name: "a" });
  await ask("import", {
    clients: [{ name: "b", publicKey, presharedKey: other, addresses: ["10.100.0.8/32"] }],
    dryRun: false,
  });
  await ask("add", { name: other, publicKey: other, [other]: other, tags: { [other]: other } });
  await ask(other, { name: other }, { caller: other, requestKey: other });
  await invoke(other, { awsRequestId: "x" });
  await invoke({ version: other, operation: { [other]: other } }, { awsRequestId: "x" });
  // Without its end it is not the form of a key any more, and still most of one.
  await ask("show", { name: other.slice(0, 40) });
  expect(lines).toHaveLength(10);
  for (const key of keys) expect(lines.join("\n")).not.toContain(key.slice(0, 20));
});

test("a request cannot write lines of its own into the log", async () => {
  const { ask, lines } = makeFunction();
  await ask("list\n{}", { name: "a\nb" }, { caller: "x\n{}" });
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).not.toHaveProperty("caller");
});

test("without its file system mounted it refuses, and touches nothing in the sandbox", async () => {
  const root = temporaryFolder();
  const { ask, entries } = makeFunction({ root, isMountPoint: async () => false });
  const error = errorOf(await ask("status", {}));
  expect(error).toMatchObject({
    code: "missing",
    message: `the registry's file system is not mounted at ${root}`,
  });
  const { readdirSync } = await import("node:fs");
  expect(readdirSync(root)).toEqual([]);
  expect(entries()).toMatchObject([{ level: "error", outcome: "missing" }]);
});

test("a mount that cannot be looked at, or that nobody named, is an answer too", async () => {
  const stale = Object.assign(new Error("x"), { code: "ESTALE" });
  const { ask } = makeFunction({ isMountPoint: () => Promise.reject(stale) });
  expect(errorOf(await ask("status", {})).code).toBe("storage");
  const untold = makeFunction({ root: undefined });
  expect(errorOf(await untold.ask("status", {})).message).toContain("WGC_REGISTRY is not set");
});

test("a mount point is on another device than its parent", async () => {
  expect(await isMountPoint("/proc")).toBe(true);
  expect(await isMountPoint(temporaryFolder())).toBe(false);
  expect(await isMountPoint("/does/not/exist")).toBe(false);
  expect(await isMountPoint("/proc/self/status")).toBe(false);
});

test("an error of the program leaves its place in the log, not its message", async () => {
  const { ask, entries, lines } = makeFunction();
  await ask("init", { cluster: CLUSTER });
  const { promises } = await import("node:fs");
  const spy = jest.spyOn(promises, "readFile").mockRejectedValue(new TypeError("secret text"));
  await ask("show", { name: "a" });
  spy.mockRestore();
  expect(entries().slice(1)).toMatchObject([
    { level: "error", operation: "show", error: "TypeError", frames: expect.any(Array) },
    { level: "error", operation: "show", client: "a", outcome: "internal" },
  ]);
  expect(entries()[1].frames[0]).toMatch(/^at .*lambda\.test/);
  expect(lines.join("\n")).not.toContain("secret");
});
