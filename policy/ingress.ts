import { field, list, number, text, texts } from "./read";

/** What one rule of a security group lets in, whichever of Pulumi's ways it was written. */
export interface Ingress {
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly ranges: readonly string[];
}

const RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule";
const GROUPS = ["aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"];
const PORTS = { first: 0, last: 65535 };

/** Everything that a resource lets in; empty for resources that are no firewall. */
export function ingressOf(type: string, props: unknown): Ingress[] {
  if (type === RULE) return [ingress(props, "ipProtocol", ["cidrIpv4", "cidrIpv6"])];
  if (type === OLD_RULE && text(props, "type") === "ingress") return [oldIngress(props)];
  if (GROUPS.includes(type)) return list(props, "ingress").map(oldIngress);
  return [];
}

/** The property that names the security group which a rule belongs to; `undefined` where the group holds its rules itself. */
export function groupProperty(type: string): string | undefined {
  return type === RULE || type === OLD_RULE ? "securityGroupId" : undefined;
}

/** True for a range that is the whole internet, or a half of it. */
export function isPublic(range: string): boolean {
  return /^(0\.0\.0\.0|128\.0\.0\.0)\/[01]$|^(::|8000::)\/[01]$/.test(range);
}

function oldIngress(props: unknown): Ingress {
  return ingress(props, "protocol", ["cidrBlocks", "ipv6CidrBlocks"]);
}

function ingress(props: unknown, protocolKey: string, rangeKeys: readonly string[]): Ingress {
  const protocol = (text(props, protocolKey) ?? "-1").toLowerCase();
  const whole = protocol === "-1" || protocol === "all";
  return {
    protocol,
    from: whole ? PORTS.first : (number(props, "fromPort") ?? PORTS.first),
    to: whole ? PORTS.last : (number(props, "toPort") ?? PORTS.last),
    ranges: rangeKeys.flatMap((key) =>
      Array.isArray(field(props, key))
        ? texts(props, key)
        : [text(props, key) ?? ""].filter((one) => one !== ""),
    ),
  };
}
