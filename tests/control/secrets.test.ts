import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { Input, Operation } from "../../control/protocol";
import { registryPaths } from "../../registry/layout";
import { generatePresharedKey } from "../../wireguard/keys";
import { filesWith, makeControl, newKey } from "./support";

const presharedKeys = Array.from({ length: 4 }, generatePresharedKey);
const publicKeys = Array.from({ length: 6 }, newKey);
const name = fc.constantFrom("a", "b", "c");
const psk = fc.constantFrom(...presharedKeys);
const key = fc.constantFrom(...publicKeys);

type Step = { [O in Operation]: [O, Input<O>] }[Operation];

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ name, publicKey: key, presharedKey: psk }).map((input): Step => ["add", input]),
  fc.record({ name, publicKey: key, presharedKey: psk }).map((input): Step => ["rotate", input]),
  fc.record({ name, presharedKey: psk }).map((input): Step => ["rotate", input]),
  fc
    .record({
      name,
      publicKey: key,
      presharedKey: psk,
      addresses: fc.constant("10.100.0.9/32").map((address) => [address]),
    })
    .map((client): Step => ["import", { clients: [client], dryRun: false }]),
  ...(["revoke", "restore", "remove", "show"] as const).map((operation) =>
    name.map((chosen): Step => [operation, { name: chosen }]),
  ),
  name.map((chosen): Step => ["update", { name: chosen, tags: { t: "x" } }]),
  fc.constantFrom<Step>(
    ["list", {}],
    ["export", {}],
    ["audit", {}],
    ["check", { repair: true }],
    ["status", {}],
    ["serverKey", { action: "begin" }],
    ["serverKey", { action: "abort" }],
    ["serverKey", { action: "finish", force: true }],
    ["serverKey", { action: "status" }],
  ),
);

test("no answer but config has a preshared key, and none a private one; neither has the audit log nor a kept answer", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const { ask, root } = await makeControl();
      const paths = registryPaths(root);
      const privateKeys = new Set<string>();
      for (const [index, [operation, input]] of steps.entries()) {
        const options = index % 2 === 0 ? { requestKey: `request-${index}` } : {};
        const answer = JSON.stringify(await ask(operation, input as never, options));
        privateKeys.add(readFileSync(paths.privateKey, "utf8").trim());
        for (const secret of [...presharedKeys, ...privateKeys]) expect(answer).not.toContain(secret);
      }
      // Preshared keys are in clients' files only, private keys in the server's folder only.
      for (const secret of presharedKeys)
        expect(filesWith(root, secret).filter((file) => !file.startsWith("clients/"))).toEqual([]);
      for (const secret of privateKeys)
        expect(filesWith(root, secret).filter((file) => !file.startsWith("server/"))).toEqual([]);
    }),
    { numRuns: 25 },
  );
}, 60_000);

test("config has the preshared key: the property above looks for what is really there", async () => {
  const { get, root } = await makeControl();
  const presharedKey = generatePresharedKey();
  await get("add", { name: "a", publicKey: newKey(), presharedKey });
  expect((await get("config", { name: "a" })).config.presharedKey).toBe(presharedKey);
  expect(filesWith(root, presharedKey)).toEqual(["clients/a.json"]);
});
