import type { StackValidationPolicy } from "@pulumi/policy";
import { type Statement, statements } from "../iam";
import { field, list, texts } from "../read";

const FILE_SYSTEM = "aws:efs/fileSystem:FileSystem";
const POLICY = "aws:efs/fileSystemPolicy:FileSystemPolicy";
const TARGET = "aws:efs/mountTarget:MountTarget";

/**
 * A file system without a policy lets everybody who reaches a mount target do everything
 * (https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html).
 */
export const storageNotPublic: StackValidationPolicy = {
  name: "storage-not-public",
  description:
    "Every file system has a policy that refuses mounts without TLS and allows nothing to everybody; every mount target has a security group.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Give the file system an aws.efs.FileSystemPolicy that denies aws:SecureTransport false and has no Allow for everybody, and mount targets securityGroups.",
  validateStack: ({ resources }, report) => {
    const policies = resources.filter(({ type }) => type === POLICY);
    for (const { type, urn, props, propertyDependencies } of resources) {
      if (
        type === TARGET &&
        list(props, "securityGroups").length === 0 &&
        !propertyDependencies["securityGroups"]
      )
        report("has no security group of its own", urn);
      if (type !== FILE_SYSTEM) continue;
      const own = policies.filter((policy) =>
        policy.propertyDependencies["fileSystemId"]?.some((dependency) => dependency.urn === urn),
      );
      if (own.length === 0) report("has no policy: everybody who reaches it may do everything", urn);
    }
    for (const policy of policies) {
      const said = statements(field(policy.props, "policy"));
      for (const { sid } of said.filter(({ allow, everybody }) => allow && everybody))
        report(`${sid} allows everybody something`, policy.urn);
      if (!said.some(refusesClearText)) report("does not refuse mounts without TLS", policy.urn);
    }
  },
};

function refusesClearText({ allow, everybody, actions, conditions }: Statement): boolean {
  const clear = texts(field(conditions, "Bool"), "aws:SecureTransport").includes("false");
  const covers = actions.some((action) =>
    ["*", "elasticfilesystem:*", "elasticfilesystem:ClientMount"].includes(action),
  );
  return !allow && everybody && clear && covers;
}
