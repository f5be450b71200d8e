import { promises as fs } from "node:fs";
import { createControl } from "../../control/handler";
import { readChanges, readClient } from "../../registry/reader";
import { run } from "../registry/faults/disk";
import { bury, OPTIONS } from "../registry/faults/world";
import { errorOf, makeControl, newKey, temporaryFolder, treeHash } from "./support";

const requestKey = "request-0001";

test("a request whose answer was lost is answered again, and changes nothing again", async () => {
  const { ask, root } = await makeControl();
  const input = { name: "alice", publicKey: newKey(), presharedKey: newKey() };
  const first = await ask("add", input, { requestKey });
  const [tree, repeated] = [treeHash(root), await ask("add", input, { requestKey })];
  expect(repeated).toEqual(first);
  expect(treeHash(root)).toBe(tree);
});

test("also after the client has changed meanwhile, and when its removal is what is repeated", async () => {
  const { ask, get } = await makeControl();
  const input = { name: "alice", publicKey: newKey() };
  const first = await ask("add", input, { requestKey });
  const removed = await ask("remove", { name: "alice" }, { requestKey: "request-0002" });
  expect(await ask("remove", { name: "alice" }, { requestKey: "request-0002" })).toEqual(removed);
  expect(await ask("add", input, { requestKey })).toEqual(first);
  expect((await get("list", {})).total).toBe(0);
});

test.each(["begin", "finish", "abort"] as const)(
  "a step of the server key's rotation that was cut off anywhere is answered when it is repeated: %s",
  async (action) => {
    const template = await makeControl({ lockOptions: OPTIONS });
    if (action !== "begin") await template.get("serverKey", { action: "begin" });
    const step = (root: string, key: string) => {
      const control = createControl({ root, source: "local", lockOptions: OPTIONS });
      const request = { version: 1, operation: "serverKey", requestKey: key, input: { action } };
      return () => control.handle(request);
    };
    const phase = action === "begin" ? "rotating" : "steady";
    let steps = 0;
    for (let at = 1; ; at++) {
      const root = temporaryFolder();
      await fs.cp(template.root, root, { recursive: true });
      const { outcome } = await run(step(root, requestKey), "kill", at);
      if (outcome !== undefined) break;
      await bury(root);
      const [announced, again] = [(await readChanges(root)).audit?.sequence, temporaryFolder()];
      await fs.cp(root, again, { recursive: true });
      const repeated = await run(step(root, requestKey));
      expect(repeated.outcome?.value).toMatchObject({ ok: true, result: { phase } });
      const twice = await run(step(root, requestKey));
      expect(twice.outcome?.value).toEqual(repeated.outcome?.value);
      // Without the key: also known again, unless it was complete, and there is nothing left to finish.
      const other = await run(step(again, "request-0002"));
      const over = announced === (action === "begin" ? 2 : 3) && action !== "begin";
      expect(other.outcome?.value).toMatchObject(over ? { ok: false } : { ok: true, result: { phase } });
      steps++;
    }
    expect(steps).toBeGreaterThan(15);
  },
  60_000,
);

test("another handler of the same registry knows the request too", async () => {
  const one = await makeControl();
  const input = { name: "alice", publicKey: newKey() };
  const first = await one.ask("add", input, { requestKey });
  const other = await makeControl({ root: one.root });
  expect(await other.ask("add", input, { requestKey })).toEqual(first);
});

test("a request key that was used for something else is refused, and nothing is changed", async () => {
  const { ask, root } = await makeControl();
  await ask("add", { name: "alice", publicKey: newKey() }, { requestKey });
  const tree = treeHash(root);
  const error = errorOf(await ask("add", { name: "bob", publicKey: newKey() }, { requestKey }));
  expect(error).toMatchObject({ code: "conflict", issues: [{ path: "requestKey" }] });
  expect(treeHash(root)).toBe(tree);
});

test("what failed may be repeated with the same key once it can succeed", async () => {
  const { ask, get } = await makeControl();
  const publicKey = newKey();
  await get("add", { name: "bob", publicKey });
  expect(errorOf(await ask("add", { name: "alice", publicKey }, { requestKey })).code).toBe("conflict");
  await get("remove", { name: "bob" });
  expect(await ask("add", { name: "alice", publicKey }, { requestKey })).toMatchObject({ ok: true });
});

test("a removal that was cut off before it was announced is announced by its repetition, with the same request key and without", async () => {
  const template = await makeControl({ lockOptions: OPTIONS });
  await template.get("add", { name: "alice", publicKey: newKey() });
  const answers = new Set<string>();
  for (const again of [requestKey, "request-0002"]) {
    for (let at = 1; ; at++) {
      const root = temporaryFolder();
      await fs.cp(template.root, root, { recursive: true });
      const control = createControl({ root, source: "local", lockOptions: OPTIONS });
      const remove = (key: string) =>
        run(() =>
          control.handle({ version: 1, operation: "remove", requestKey: key, input: { name: "alice" } }),
        );
      const { outcome } = await run(
        () => control.handle({ version: 1, operation: "remove", requestKey, input: { name: "alice" } }),
        "kill",
        at,
      );
      if (outcome !== undefined) break;
      await bury(root);
      const left = (await readClient(root, "alice")) !== undefined;
      const announced = (await readChanges(root)).revision === 2;
      const answer = (await remove(again)).outcome?.value;
      const { revision, changes } = await readChanges(root);
      expect([revision >= 2, changes.at(-1)?.name]).toEqual([true, "alice"]);
      expect(await readClient(root, "alice")).toBeUndefined();
      // Removed and announced: another request hears that there is no such client, which is true.
      if (announced && again !== requestKey) expect(answer).toMatchObject({ ok: false });
      else expect(answer).toMatchObject({ ok: true, result: { name: "alice" } });
      answers.add(`${left ? "there" : "gone"}, ${announced ? "" : "not "}announced`);
    }
  }
  expect(answers).toEqual(new Set(["there, not announced", "gone, not announced", "gone, announced"]));
}, 60_000);

test("who repeats a removal after a lost answer, with another request key, hears that it was made", async () => {
  const { ask, get } = await makeControl();
  await get("add", { name: "alice", publicKey: newKey() });
  await get("add", { name: "alicf", publicKey: newKey() });
  await ask("remove", { name: "alice" }, { meta: { who: "ops" } });
  for (const operation of ["remove", "show", "revoke"] as const) {
    const error = errorOf(await ask(operation, { name: "alice" }));
    expect(error.code).toBe("unknown-client");
    expect(error.message).toMatch(
      /^there is no client alice; the last step about it was remove at \S+Z by ops$/,
    );
    expect(error.suggestion).toBeUndefined();
  }
});
