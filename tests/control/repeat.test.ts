import { errorOf, makeControl, newKey, treeHash } from "./support";

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
