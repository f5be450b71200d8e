import type { StackValidationPolicy } from "@pulumi/policy";
import { isOn } from "../read";

const FILE_SYSTEM = "aws:efs/fileSystem:FileSystem";
const KEY = "aws:kms/key:Key";

/** The file system's key belongs to the stack, so its policy says who may decrypt, and it rotates. */
export const storageOwnKey: StackValidationPolicy = {
  name: "storage-own-key",
  description: "The file system is encrypted with a KMS key of this stack, which rotates every year.",
  enforcementLevel: "mandatory",
  remediationSteps: "Set encrypted: true and kmsKeyId to a key of the stack with enableKeyRotation: true.",
  validateStack: ({ resources }, report) => {
    for (const { type, props, urn, propertyDependencies } of resources) {
      if (type !== FILE_SYSTEM) continue;
      if (!isOn(props, "encrypted")) report("is not encrypted", urn);
      const keys = (propertyDependencies["kmsKeyId"] ?? []).filter((key) => key.type === KEY);
      if (keys.length === 0) report("is not encrypted with a key of this stack (kmsKeyId)", urn);
      for (const key of keys)
        if (!isOn(key.props, "enableKeyRotation"))
          report("encrypts the file system and does not rotate", key.urn);
    }
  },
};
