import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, isOn, list, text } from "../read";

const TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate";

/** The server's private key is copied to its disk (for a start without EFS), so the disk is encrypted. */
export const encryptedDisk: ResourceValidationPolicy = {
  name: "encrypted-disk",
  description:
    "Servers keep a copy of the cluster's key and clients on their disk, so every disk is encrypted.",
  enforcementLevel: "mandatory",
  remediationSteps: 'Name the root device in blockDeviceMappings and set ebs.encrypted to "true".',
  validateResource: ({ type, props }, report) => {
    if (type !== TEMPLATE) return;
    const disks = list(props, "blockDeviceMappings").filter((mapping) => field(mapping, "ebs") !== undefined);
    if (disks.length === 0) report("names no disk, so the image decides whether the root disk is encrypted");
    for (const disk of disks) {
      if (!isOn(field(disk, "ebs"), "encrypted"))
        report(`disk ${text(disk, "deviceName") ?? "without a name"} is not encrypted`);
    }
  },
};
