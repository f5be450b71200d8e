import { promises as fs } from "node:fs";
import { explain } from "../../control/failures";
import { RegistryError } from "../../registry/errors";
import { errorOf, makeControl, newKey } from "./support";

const nodeError = (code: string, path?: string): Error =>
  Object.assign(new Error(`${code}: secret text`), { code, ...(path === undefined ? {} : { path }) });

test.each([
  ["ENOSPC", /no space is left \(ENOSPC\)/, /make room/],
  ["EDQUOT", /quota is used up \(EDQUOT\)/, /quota/],
  ["EROFS", /mounted read-only \(EROFS\)/, /mount it writable/],
  ["EACCES", /access is denied \(EACCES\)/, /elasticfilesystem:ClientWrite/],
  ["EIO", /input\/output error \(EIO\)/, /health/],
  ["ESTALE", /stale NFS handle\) \(ESTALE\)/, /repeat/],
])("%s of the file system is told as storage, with the file and what to do", (code, message, remedy) => {
  const error = explain(nodeError(code, "/mnt/registry/clients/.a.json.1"), "/mnt/registry", "add");
  expect(error).toMatchObject({ code: "storage", issues: [] });
  expect(error.message).toMatch(/^clients\/\.a\.json\.1: /);
  expect(error.message).toMatch(message);
  expect(error.remedy).toMatch(remedy);
  expect(explain(nodeError(code), "/mnt/registry", "add").message).toMatch(/^the registry: /);
});

test.each([
  ["missing", "missing"],
  ["corrupt", "corrupt"],
  ["invalid", "invalid-request"],
  ["conflict", "conflict"],
  ["full", "full"],
  ["locked", "locked"],
  ["storage", "storage"],
  ["unknown-client", "unknown-client"],
] as const)("the registry's %s is %s, with a way out", (kind, code) => {
  const error = explain(new RegistryError("/r/clients/a.json", "is odd", kind), "/r", "add");
  expect(error).toMatchObject({ code, issues: [], message: expect.stringContaining("is odd") });
  expect(error.remedy?.length).toBeGreaterThan(10);
  const own = new RegistryError("/r/clients/a.json", "is odd", kind, "do this");
  expect(explain(own, "/r", "add").remedy).toBe("do this");
});

test("a registry's error about a field names the field once", () => {
  const error = new RegistryError("/r/x", "routes.1 is odd", "invalid", undefined, "routes.1");
  expect(explain(error, "/r", "add")).toMatchObject({
    message: "input.routes.1 is odd",
    issues: [{ path: "input.routes.1", message: "is odd" }],
  });
});

test("an error of the program tells its kind only, and is handed to the log", async () => {
  const told: unknown[] = [];
  const { ask, get } = await makeControl({
    onUnexpected: (error, operation) => told.push([error, operation]),
  });
  await get("add", { name: "a", publicKey: newKey() });
  const broken = new TypeError("secret text");
  const spy = jest.spyOn(fs, "readFile").mockRejectedValue(broken);
  try {
    const error = errorOf(await ask("show", { name: "a" }));
    expect(error).toMatchObject({ code: "internal", message: "show failed unexpectedly (TypeError)" });
    expect(JSON.stringify(error)).not.toContain("secret");
    expect(told).toEqual([[broken, "show"]]);
  } finally {
    spy.mockRestore();
  }
  expect((await get("show", { name: "a" })).client.name).toBe("a");
});

test("a storage that fails in the middle of a change is an answer, and the change can be repeated", async () => {
  const { ask } = await makeControl();
  const input = { name: "a", publicKey: newKey() };
  const spy = jest.spyOn(fs, "rename").mockRejectedValueOnce(nodeError("ENOSPC"));
  const error = errorOf(await ask("add", input, { requestKey: "request-1" }));
  spy.mockRestore();
  expect(error).toMatchObject({ code: "storage", message: expect.stringContaining("(ENOSPC)") });
  expect(error.remedy).toMatch(/make room/);
  expect(await ask("add", input, { requestKey: "request-1" })).toMatchObject({ ok: true });
});
