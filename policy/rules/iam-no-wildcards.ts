import type { ResourceValidationPolicy } from "@pulumi/policy";
import { statements } from "../iam";
import { field, list, text } from "../read";

/** Where each type keeps documents that say what may be done. */
const DOCUMENTS: Readonly<Record<string, string>> = {
  "aws:iam/policy:Policy": "policy",
  "aws:iam/rolePolicy:RolePolicy": "policy",
  "aws:iam/groupPolicy:GroupPolicy": "policy",
  "aws:iam/userPolicy:UserPolicy": "policy",
};
const ROLE = "aws:iam/role:Role";
const ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";
/** AWS's own policies that allow a whole service or everything. */
const BROAD = /policy\/(AdministratorAccess|PowerUserAccess|\w*FullAccess)$/;

/** A role may do what is named, and nobody may take a role without being named. */
export const iamNoWildcards: ResourceValidationPolicy = {
  name: "iam-no-wildcards",
  description: "IAM allows named actions, never a whole service; roles name who may take them.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Name the actions and principals that are needed, each with the narrowest resource it knows.",
  validateResource: ({ type, props }, report) => {
    const key = DOCUMENTS[type];
    const documents = key === undefined ? [] : [field(props, key)];
    if (type === ROLE)
      documents.push(...list(props, "inlinePolicies").map((inline) => field(inline, "policy")));
    for (const { sid, allow, actions, negated } of documents.flatMap(statements)) {
      if (!allow) continue;
      if (negated) report(`${sid} allows everything but what it names`);
      for (const action of actions) if (/^(\*|[\w-]+:\*)$/.test(action)) report(`${sid} allows ${action}`);
    }
    if (type === ROLE)
      for (const { sid, allow, everybody } of statements(field(props, "assumeRolePolicy")))
        if (allow && everybody) report(`${sid} lets everybody take the role`);
    const arn = type === ATTACHMENT ? (text(props, "policyArn") ?? "") : "";
    if (BROAD.test(arn)) report(`attaches ${arn}`);
  },
};
