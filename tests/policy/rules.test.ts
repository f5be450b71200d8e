import { stateful } from "../../plan/replace-table";
import { rules } from "../../policy/rules";
import { cases } from "./cases";
import { type Given, judge, type Rule } from "./support";

function ruleNamed(name: string): Rule {
  const rule = rules.find((candidate) => candidate.name === name);
  if (rule === undefined) throw new Error(`the pack has no rule "${name}"`);
  return rule;
}

test("the pack has these rules, all mandatory; each has a test case", () => {
  expect(rules.map(({ name, enforcementLevel }) => `${name} ${enforcementLevel}`)).toEqual([
    "alarm-units mandatory",
    "bucket-private mandatory",
    "encrypted-disk mandatory",
    "flows-end mandatory",
    "health-check-port mandatory",
    "iam-no-wildcards mandatory",
    "imdsv2 mandatory",
    "log-retention mandatory",
    "min-servers mandatory",
    "no-secret-in-user-data mandatory",
    "no-ssh mandatory",
    "no-target-health-states mandatory",
    "pinned-template mandatory",
    "public-ingress mandatory",
    "required-tags mandatory",
    "stateful-protected mandatory",
    "storage-not-public mandatory",
    "storage-own-key mandatory",
  ]);
  expect(cases.map(({ rule }) => rule)).toEqual(rules.map(({ name }) => name));
});

// The pack takes nothing from the rest of the project: the real CLI loads it by itself. So there are two lists.
test.each(Object.keys(stateful))(
  "what a plan warns of in red, the pack wants protected: %s",
  async (type) => {
    const front: Given = {
      type: "aws:lb/loadBalancer:LoadBalancer",
      protect: true,
      from: { subnetMappings: "it" },
    };
    expect(await judge(ruleNamed("stateful-protected"), [{ type, name: "it" }, front])).toEqual([
      expect.stringMatching(/^it: is not protected/),
    ]);
  },
);

test("every rule says why it is there and what to do", () => {
  for (const { description, remediationSteps } of rules) {
    expect(description).toMatch(/^[A-Z].{30,}\.$/);
    expect(remediationSteps).toMatch(/^[A-Z].{20,}/);
  }
});

describe.each(cases)("$rule", ({ rule, compliant, violating, says }) => {
  test("says nothing about what keeps to it", async () => {
    expect(await judge(ruleNamed(rule), compliant)).toEqual([]);
  });

  test("names everything that does not", async () => {
    expect(await judge(ruleNamed(rule), violating)).toEqual(says);
  });
});
