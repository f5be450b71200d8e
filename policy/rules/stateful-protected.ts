import type { PolicyResource, StackValidationPolicy } from "@pulumi/policy";
import { isProduction, productionSchema } from "../stack";

/** What cannot be had again: the registry and its key, and the addresses that are written in every client's configuration. */
const STATEFUL: Readonly<Record<string, string>> = {
  "aws:efs/fileSystem:FileSystem": "all clients and the server's key pair are in it",
  "aws:efs/accessPoint:AccessPoint": "servers and the control function find the registry through it",
  "aws:efs/mountTarget:MountTarget": "servers of its zone lose the registry until they mount again",
  "aws:kms/key:Key": "without it nothing that was encrypted with it can be read",
  "aws:lb/loadBalancer:LoadBalancer": "clients know its name",
};
const BALANCER = "aws:lb/loadBalancer:LoadBalancer";
const ADDRESS = "aws:ec2/eip:Eip";

/** In production Pulumi itself refuses to delete or replace them. */
export const statefulProtected: StackValidationPolicy = {
  name: "stateful-protected",
  description: "In production, what cannot be made again is protected from deletion and replacement.",
  enforcementLevel: "mandatory",
  remediationSteps: "Set protect: true: pulumi config set wgc:protect true",
  configSchema: productionSchema,
  validateStack: ({ resources, getConfig }, report) => {
    const config = getConfig();
    const front = resources.filter(({ type }) => type === BALANCER).flatMap(addressesOf);
    for (const { type, urn, opts } of resources) {
      if (opts.protect || !isProduction(urn, config)) continue;
      // Another address, such as a NAT gateway's, is nobody's to remember.
      const reason = type === ADDRESS && front.includes(urn) ? "clients know this address" : STATEFUL[type];
      if (reason !== undefined) report(`is not protected, and ${reason}`, urn);
    }
  },
};

function addressesOf({ propertyDependencies }: PolicyResource): string[] {
  return (propertyDependencies["subnetMappings"] ?? []).map(({ urn }) => urn);
}
