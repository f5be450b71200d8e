/** The shared file systems of a plan and who gets to them how: servers through their instance role, the control function through its own. */
import { UserError } from "../config/errors";
import type { PlannedResource } from "../plan";
import { type PlanView, record, text, texts } from "./plan-view";
import { type MountRight, mountRight } from "./rights";

/** One access point of a file system. */
export interface LabAccessPoint {
  id: string;
  /** The folder that it shows, from the root of the file system. */
  path: string;
  /** What the servers' role gets there. */
  right: MountRight;
}

export interface LabFileSystem {
  id: string;
  accessPoints: LabAccessPoint[];
}

/** The control function as the plan deploys it. */
export interface LabControlFunction {
  name: string;
  /** The file system that it mounts, and the folder in it that it sees as the registry. */
  fileSystem: string;
  path: string;
  /** What the deployment calls it with, in order. */
  calls: string[];
}

/** The file systems, with what the servers may do there. */
export function readFileSystems(view: PlanView): LabFileSystem[] {
  const points = view.all("aws:efs/accessPoint:AccessPoint");
  const role = serverRole(view);
  return view.all("aws:efs/fileSystem:FileSystem").map((fileSystem) => ({
    id: fileSystem.id,
    accessPoints: points
      .filter((point) => point.inputs["fileSystemId"] === fileSystem.id)
      .map((accessPoint) => ({
        id: accessPoint.id,
        path: pathOf(accessPoint),
        right: mountRight(view, { role, fileSystem, accessPoint }),
      })),
  }));
}

function pathOf(accessPoint: PlannedResource): string {
  return String(record(accessPoint.inputs["rootDirectory"])["path"] ?? "/");
}

/** The role that the launch template gives its instances, by way of the instance profile. */
export function serverRole(view: PlanView): string {
  const template = view.one("aws:ec2/launchTemplate:LaunchTemplate");
  const arn = record(template.inputs["iamInstanceProfile"])["arn"];
  const profile = view
    .all("aws:iam/instanceProfile:InstanceProfile")
    .find((candidate) => candidate.outputs["arn"] === arn);
  if (!profile)
    throw new UserError(`${template.urn}: its instance profile ${String(arn)} is not in the plan`);
  return text(profile, "role");
}

const NFS = 2049;

/**
 * The control function and what the deployment calls it with.
 *
 * @throws UserError where AWS would not run it: without its file system, with an access point, a right or an open port missing.
 */
export function readControl(view: PlanView): LabControlFunction {
  const invocation = view.one("aws:lambda/invocation:Invocation");
  const name = text(invocation, "functionName");
  const code = view.all("aws:lambda/function:Function").find((one) => text(one, "name") === name);
  if (!code) throw new UserError(`${invocation.urn}: Function not found: ${name} is not in the plan`);
  const mount = record(code.inputs["fileSystemConfig"]);
  const { WGC_REGISTRY: registry } = record(record(code.inputs["environment"])["variables"]);
  if (mount["arn"] === undefined)
    throw new UserError(
      `${code.urn}: it has no fileSystemConfig, so there is no ${String(registry)} where it runs`,
    );
  if (registry !== mount["localMountPath"]) {
    const where = `its file system is mounted at ${String(mount["localMountPath"])}`;
    throw new UserError(`${code.urn}: WGC_REGISTRY is ${String(registry)}, but ${where}`);
  }
  const accessPoint = view
    .all("aws:efs/accessPoint:AccessPoint")
    .find((point) => point.outputs["arn"] === mount["arn"]);
  const fileSystem = view
    .all("aws:efs/fileSystem:FileSystem")
    .find(({ id }) => id === accessPoint?.inputs["fileSystemId"]);
  if (!accessPoint || !fileSystem)
    throw new UserError(`${code.urn}: the access point ${String(mount["arn"])} does not exist in the plan`);
  assertMountable(view, code, fileSystem, accessPoint);
  return { name, fileSystem: fileSystem.id, path: pathOf(accessPoint), calls: [text(invocation, "input")] };
}

/** What Lambda needs for the mount (https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html). */
function assertMountable(
  view: PlanView,
  code: PlannedResource,
  fileSystem: PlannedResource,
  accessPoint: PlannedResource,
): void {
  const role = view.all("aws:iam/role:Role").find((one) => one.outputs["arn"] === code.inputs["role"]);
  const right = mountRight(view, { role: role ? text(role, "name") : "", fileSystem, accessPoint });
  const missing = { none: "elasticfilesystem:ClientMount", read: "elasticfilesystem:ClientWrite", write: "" };
  if (right !== "write") {
    const what = `access denied by server: its role lacks ${missing[right]} on ${accessPoint.id}`;
    throw new UserError(`${code.urn}: EFSMountFailureException: ${what}`);
  }
  const network = record(code.inputs["vpcConfig"]);
  const targets = view
    .all("aws:efs/mountTarget:MountTarget")
    .filter((target) => target.inputs["fileSystemId"] === fileSystem.id);
  const zoneOf = new Map(
    view.all("aws:ec2/subnet:Subnet").map((subnet) => [subnet.id, subnet.inputs["availabilityZone"]]),
  );
  const served = new Set(targets.map((target) => zoneOf.get(text(target, "subnetId"))));
  const dark = texts(network["subnetIds"]).find((subnet) => !served.has(zoneOf.get(subnet)));
  const [from, to] = [
    texts(network["securityGroupIds"]),
    targets.flatMap((t) => texts(t.inputs["securityGroups"])),
  ];
  if (from.length === 0 || dark !== undefined || !passes(view, from, to)) {
    const reason =
      dark === undefined ? `TCP ${NFS} to the mount targets is closed` : `${dark} has no mount target`;
    throw new UserError(`${code.urn}: EFSMountConnectivityException: ${reason}`);
  }
}

/** Whether NFS may leave one of the groups and enter one of the others. */
function passes(view: PlanView, from: readonly string[], to: readonly string[]): boolean {
  const open = (type: string, own: readonly string[], peers: readonly string[]): boolean =>
    view
      .all(type)
      .some(
        ({ inputs }) =>
          own.includes(String(inputs["securityGroupId"])) &&
          peers.includes(String(inputs["referencedSecurityGroupId"])) &&
          inputs["ipProtocol"] === "tcp" &&
          Number(inputs["fromPort"]) <= NFS &&
          NFS <= Number(inputs["toPort"]),
      );
  return (
    open("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", from, to) &&
    open("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", to, from)
  );
}
