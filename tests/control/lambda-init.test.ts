import { readdirSync } from "node:fs";
import { createLambdaHandler } from "../../control/lambda";
import { CLUSTER, temporaryFolder } from "./support";

const invoker = (mounted: boolean) => {
  const lines: string[] = [];
  const root = temporaryFolder();
  const invoke = createLambdaHandler({
    root,
    isMountPoint: async () => mounted,
    write: (line) => void lines.push(line),
    clock: () => 0,
  });
  const call = (operation: string, input: unknown) =>
    invoke({ version: 1, operation, input }, { awsRequestId: "id-1" });
  return { call, lines, root };
};

test("an init that fails is a failed call, so that Pulumi neither keeps its answer nor goes on", async () => {
  const { call, lines } = invoker(true);
  await call("init", { cluster: CLUSTER });
  const other = call("init", { cluster: { ...CLUSTER, tunnelIpv4: "10.9.0.0/16" } });
  await expect(other).rejects.toMatchObject({ name: "InitFailure", stack: "" });
  await expect(other).rejects.toThrow(/tunnelIpv4/);
  expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(["ok", "conflict"]);
});

test("so is one without its file system, and it makes no registry in the sandbox", async () => {
  const { call, root } = invoker(false);
  await expect(call("init", { cluster: CLUSTER })).rejects.toThrow(
    `the registry's file system is not mounted at ${root}`,
  );
  expect(readdirSync(root)).toEqual([]);
});

test("other requests are answered, also with a refusal", async () => {
  const { call } = invoker(true);
  await call("init", { cluster: CLUSTER });
  expect(await call("show", { name: "nobody" })).toMatchObject({ ok: false });
  expect(await call("initialise", {})).toMatchObject({ ok: false, error: { code: "unknown-operation" } });
});
