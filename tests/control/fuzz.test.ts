import fc from "fast-check";
import { inputs, type Operation } from "../../control/protocol";
import { makeControl, newKey, treeHash } from "./support";

const operations = Object.keys(inputs) as Operation[];
const fields = [
  "name",
  "publicKey",
  "routes",
  "tags",
  "limit",
  "after",
  "clients",
  "cluster",
  "action",
  "expiresAt",
];
const input = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom(...fields), fc.jsonValue()));
const request = fc.oneof(
  fc.jsonValue(),
  fc.record({ version: fc.constant(1), operation: fc.constantFrom(...operations), input }),
  fc.record(
    {
      version: fc.constant(1),
      operation: fc.constantFrom(...operations),
      input,
      requestKey: fc.string(),
      caller: fc.string(),
    },
    { requiredKeys: ["version", "operation"] },
  ),
);

test("whatever comes is answered; what is refused has changed nothing and says what to do with which field", async () => {
  const { control, root, get } = await makeControl();
  await get("add", { name: "alice", publicKey: newKey() });
  await fc.assert(
    fc.asyncProperty(request, async (value) => {
      const tree = treeHash(root);
      const answer = await control.handle(value);
      expect(JSON.parse(JSON.stringify(answer))).toEqual(answer);
      if (answer.ok) return;
      expect(treeHash(root)).toBe(tree);
      expect(answer.error.code).not.toBe("internal");
      expect(answer.error.message).toMatch(/^[^\n]{5,}$/);
      for (const issue of answer.error.issues) expect(issue.message).toMatch(/^[^\n]{5,}$/);
    }),
    { numRuns: 400 },
  );
}, 60_000);
