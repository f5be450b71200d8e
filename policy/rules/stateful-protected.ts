import type { ResourceValidationPolicy } from "@pulumi/policy";
import { isProduction, productionSchema } from "../stack";

/** What cannot be had again: the registry and its key, and the addresses that are written in every client's configuration. */
const STATEFUL: Readonly<Record<string, string>> = {
  "aws:efs/fileSystem:FileSystem": "all clients and the server's key pair are in it",
  "aws:efs/accessPoint:AccessPoint": "servers and the control function find the registry through it",
  "aws:kms/key:Key": "without it nothing in the file system can be read",
  "aws:ec2/eip:Eip": "clients know this address",
  "aws:lb/loadBalancer:LoadBalancer": "clients know its name",
};

/** In production Pulumi itself refuses to delete or replace them. */
export const statefulProtected: ResourceValidationPolicy = {
  name: "stateful-protected",
  description: "In production, what cannot be made again is protected from deletion and replacement.",
  enforcementLevel: "mandatory",
  remediationSteps: "Set protect: true: pulumi config set wgc:protect true",
  configSchema: productionSchema,
  validateResource: ({ type, urn, opts, getConfig }, report) => {
    const reason = STATEFUL[type];
    if (reason === undefined || opts.protect || !isProduction(urn, getConfig())) return;
    report(`is not protected, and ${reason}`);
  },
};
