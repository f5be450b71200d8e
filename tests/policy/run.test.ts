import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject, Plan, PlannedResource } from "../../plan";
import { checkPolicies, isRefused, type PolicyReport, renderPolicyReport } from "../../policy/run/report";
import { root } from "../plan/support";
import { stackPlan } from "../support/plans";

jest.setTimeout(300_000);

const pack = join(root, "policy");
const plan = stackPlan("prod");

function changed(
  plan: Plan,
  changes: Readonly<Record<string, (resource: PlannedResource) => PlannedResource>>,
): Plan {
  return { ...plan, resources: plan.resources.map((one) => changes[one.name]?.(one) ?? one) };
}

const withInput = (inputs: JsonObject) => (resource: PlannedResource) => ({
  ...resource,
  inputs: { ...resource.inputs, ...inputs },
  outputs: { ...resource.outputs, ...inputs },
});

const summary = ({ violations }: PolicyReport): string[] =>
  violations.map(({ rule, urn, what }) => `${rule} ${urn.split("::").at(-1)} ${what}`);

test.each(["dev", "prod", "private"])("%s keeps every rule, and every rule was asked", async (stack) => {
  const made = await stackPlan(stack);
  const report = await checkPolicies(made, pack);
  expect(report).toEqual({ pack: "wgc", version: "0.1.0", rules: 18, violations: [], notEvaluated: [] });
  expect(renderPolicyReport(report)).toMatch(
    /^policy {2}accepted {2}\(wgc 0\.1\.0: 18 rules, 0 violations, 0 not evaluated\)\n/,
  );
});

test("what breaks a rule is named with resource, reason and remedy, whichever kind of rule finds it", async () => {
  const report = await checkPolicies(
    changed(await plan, {
      "wgc-servers-health-in": withInput({ cidrIpv4: "0.0.0.0/0" }),
      "wgc-storage-efs": (resource) => ({ ...resource, protect: false }),
      "wgc-endpoint-tg": withInput({ healthCheck: { protocol: "TCP", port: "traffic-port" } }),
    }),
    pack,
  );
  expect(summary(report)).toEqual([
    "health-check-port wgc-endpoint-tg healthCheck.protocol is TCP, which says nothing about the agent",
    "health-check-port wgc-endpoint-tg healthCheck.port is traffic-port: WireGuard's own port, which answers no check",
    "public-ingress wgc-servers-health-in lets tcp 8080 in from the whole internet, to a security group that is not the load balancer's",
    "stateful-protected wgc-storage-efs is not protected, and all clients and the server's key pair are in it",
  ]);
  expect(isRefused(report)).toBe(true);
  const text = renderPolicyReport(report);
  expect(text).toContain("✗ efs.FileSystem wgc-storage-efs is not protected, and all clients");
  expect(text).toContain(
    "why  In production, what cannot be made again is protected from deletion and replacement.\n",
  );
  expect(text).toContain("do   Set protect: true: pulumi config set wgc:protect true\n");
});

test("a rule that meets an unknown or a secret value could not be evaluated, which is neither kept nor broken", async () => {
  const report = await checkPolicies(
    changed(await plan, {
      "wgc-servers-template": withInput({ userData: { $unknown: true } }),
      "wgc-network-flow-logs": withInput({ retentionInDays: { $secret: "[redacted]" } }),
    }),
    pack,
  );
  expect(report.violations).toEqual([]);
  expect(report.notEvaluated.map(({ rule, urn, reason }) => [rule, urn.split("::").at(-1), reason])).toEqual([
    [
      "log-retention",
      "wgc-network-flow-logs",
      "string value at .retentionInDays can't be known during preview",
    ],
    [
      "no-secret-in-user-data",
      "wgc-servers-template",
      "string value at .userData can't be known during preview",
    ],
  ]);
  expect(isRefused(report)).toBe(false);
  expect(renderPolicyReport(report)).toContain(
    "? no-secret-in-user-data: could not be evaluated for ec2.LaunchTemplate wgc-servers-template",
  );
});

/** A pack that cannot start, in a folder of its own. */
function brokenPack(): string {
  const folder = mkdtempSync(join(tmpdir(), "wgc-pack-"));
  writeFileSync(join(folder, "package.json"), '{"name":"broken","version":"1.0.0","main":"index.js"}');
  writeFileSync(join(folder, "index.js"), 'throw new Error("nothing works here");');
  return folder;
}

test("a pack that does not start is an error with what it said", async () => {
  const folder = brokenPack();
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const said = checkPolicies(await plan, folder).finally(() =>
    rmSync(folder, { recursive: true, force: true }),
  );
  await expect(said).rejects.toThrow(/did not start: it ended with code \d+\n[\s\S]*nothing works here/);
});

test("a pack without packages says what to install", async () => {
  const folder = brokenPack();
  const said = checkPolicies(await plan, folder).finally(() =>
    rmSync(folder, { recursive: true, force: true }),
  );
  await expect(said).rejects.toThrow(`npm install --prefix ${folder}`);
});
