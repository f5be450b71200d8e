import { promises as fs } from "node:fs";
import { explain } from "../../control/failures";
import { createControl } from "../../control/handler";
import type { Response } from "../../control/protocol";
import { RegistryError } from "../../registry/errors";
import { readChanges, readClient } from "../../registry/reader";
import { type Fault, run } from "../registry/faults/disk";
import { OPTIONS } from "../registry/faults/world";
import { errorOf, makeControl, newKey, temporaryFolder } from "./support";

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

test.each<[Fault, string]>([
  ["ENOSPC", "add"],
  ["EIO", "add"],
  ["EIO", "remove"],
  ["ENOSPC", "import"],
])(
  "%s at any step: an error that does not say that the change is open has changed nothing, and the same request settles an open one: %s",
  async (fault, operation) => {
    const template = await makeControl({ lockOptions: OPTIONS });
    await template.get("add", { name: "old", publicKey: newKey() });
    const publicKey = newKey();
    const clients = Array.from({ length: 101 }, (_, i) => ({
      name: `c${i}`,
      publicKey: newKey(),
      addresses: [`10.100.0.${i + 100}/32`],
    }));
    const inputs: Readonly<Record<string, object>> = {
      add: { name: "new", publicKey },
      remove: { name: "old" },
      import: { clients, dryRun: false },
    };
    const made = async (root: string): Promise<boolean> =>
      operation === "remove"
        ? (await readClient(root, "old")) === undefined
        : (await readClient(root, operation === "add" ? "new" : "c0")) !== undefined;
    const seen = new Set<string>();
    const stride = operation === "import" ? 97 : 1;
    for (let at = 1; ; at += stride) {
      const root = temporaryFolder();
      await fs.cp(template.root, root, { recursive: true });
      const control = createControl({ root, source: "local", lockOptions: OPTIONS });
      const ask = (name: string, input: object) => () =>
        control.handle({ version: 1, operation: name, input });
      const trial = await run(ask(operation, inputs[operation] ?? {}), fault, at);
      if (trial.steps < at) break;
      const answer = trial.outcome?.value as Response;
      const open = !answer.ok && answer.error.unsettled === true;
      if (open) expect(answer.error.message).toMatch(/whether the change \(.*\) was made is not known yet$/);
      if (open) expect(answer.error.remedy).toMatch(/repeat the command: it first completes or undoes/);
      if (!open) {
        const { revision } = await readChanges(root);
        await run(ask("add", { name: "late", publicKey: newKey(), address: "10.100.0.99/32" }));
        const more = (await readChanges(root)).revision - revision;
        if (!answer.ok) expect([await made(root), more]).toEqual([false, expect.any(Number)]);
      }
      const again = (await run(ask(operation, inputs[operation] ?? {}))).outcome?.value as Response;
      expect(await made(root)).toBe(true);
      // A removal that only failed to hear that it was complete: there is no such client any more.
      if (operation === "remove" && !again.ok) expect(errorOf(again).code).toBe("unknown-client");
      else expect(again.ok).toBe(true);
      seen.add(answer.ok ? "made" : open ? "open" : "not made");
    }
    expect([...seen]).toEqual(expect.arrayContaining(["not made", "open"]));
  },
  120_000,
);
