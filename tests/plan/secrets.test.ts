import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject, Plan } from "../../plan";
import { runPlan } from "../../plan";
import { PLACEHOLDER_KEY } from "../../plan/standins/control";
import { texts } from "../../plan/values";
import { isUsablePublicKey } from "../../wireguard/keys";
import { stackPlan } from "../support/plans";
import { ofType, root } from "./support";

jest.setTimeout(60_000);

/** What a key looks like: 32 bytes in base64 (43 digits and one `=`), however it is embedded. */
const KEY = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g;
/** A long name in a bundle that is assigned to; of 10,000 keys one has letters only. */
const IDENTIFIER = /^[A-Za-z]+=$/;

/** Every key-like text in a plan with where it is; user data and the bundles that are uploaded are looked into. */
function keysIn(plan: Plan): { at: string; key: string }[] {
  const look = (at: string, text: string) => [...text.matchAll(KEY)].map(([key]) => ({ at, key }));
  return plan.resources.flatMap((resource) => {
    const values = texts({ inputs: resource.inputs, outputs: resource.outputs } as JsonObject);
    return values.flatMap(({ path, text }) => {
      const at = `${resource.name} ${path}`;
      const decoded = path.endsWith("userData") ? Buffer.from(text, "base64").toString() : "";
      const content = path.endsWith("$asset.path") ? readFileSync(join(root, text), "utf8") : "";
      const inBundle = look(at, content).filter(({ key }) => !IDENTIFIER.test(key));
      return [...look(at, text), ...look(at, decoded), ...inBundle];
    });
  });
}

test.each(["dev", "prod"])(
  "no key is in the plan of %s but the placeholder in the function's answer",
  async (stack) => {
    const plan = await stackPlan(stack);
    const found = keysIn(plan);
    expect(new Set(found.map(({ key }) => key))).toEqual(new Set([PLACEHOLDER_KEY]));
    expect(new Set(found.map(({ at }) => at))).toEqual(
      new Set([
        "wgc-control-init outputs.result",
        "wgc-control outputs.serverPublicKey",
        "wgc outputs.serverPublicKey",
      ]),
    );
    expect(plan.outputs["serverPublicKey"]).toBe(PLACEHOLDER_KEY);
    // The search finds what it is for.
    const key = Buffer.alloc(32, 7).toString("base64");
    const userData = Buffer.from(`#cloud-config\nkey: "${key}"\n`).toString("base64");
    const template = { ...ofType(plan, "aws:ec2/launchTemplate:LaunchTemplate")[0], inputs: { userData } };
    expect(keysIn({ ...plan, resources: [template] } as unknown as Plan).map((one) => one.key)).toContain(
      key,
    );
  },
);

test("the placeholder is a key that WireGuard takes, says what it is, and is the same in every plan", () => {
  expect(isUsablePublicKey(PLACEHOLDER_KEY)).toBe(true);
  expect(Buffer.from(PLACEHOLDER_KEY, "base64").toString()).toBe("placeholder of a plan, not a key");
});

test("a preview does not know the key", async () => {
  const plan = await runPlan({ projectDir: root, stack: "dev", mode: "preview" });
  expect(plan.outputs["serverPublicKey"]).toEqual({ $unknown: true });
});
