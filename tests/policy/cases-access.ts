import { type Case, front, network, open, policy, trust, types, udp } from "./given";

/** Marks a rule that takes in packets for clients. */
const ROUTED = { "wgc:routed": "true" };

/** Rules about what comes in and who may do what. */
export const accessCases: readonly Case[] = [
  {
    rule: "alarm-units",
    compliant: [
      {
        type: types.alarm,
        props: {
          metricQueries: [network("in"), { id: "rate", expression: "in / PERIOD(in)", returnData: true }],
        },
      },
      {
        type: types.alarm,
        props: {
          metricQueries: [
            ...[network("in"), network("out"), { id: "sum", expression: "in + out + 0" }],
            ...[
              { id: "both", expression: "2 * -(in + out) / PERIOD(in) - 1" },
              { id: "one", expression: "sum / PERIOD(out) + both", returnData: true },
              { id: "more", expression: "FILL(in, 0) + in / PERIOD(in)" },
              ...[
                { id: "round", expression: "about + 1" },
                { id: "about", expression: "round - 1" },
                { id: "through", expression: "round + both" },
              ],
            ],
          ],
        },
      },
      { type: types.alarm, props: { metricName: "CPUUtilization", threshold: 70 } },
    ],
    violating: [
      { type: types.alarm, name: "single", props: { metricName: "NetworkOut", threshold: 10_000_000 } },
      { type: types.alarm, name: "raw", props: { metricQueries: [network("in", { returnData: true })] } },
      {
        type: types.alarm,
        name: "other",
        props: {
          metricQueries: [network("in"), { id: "sum", expression: "in / PERIOD(cpu)", returnData: true }],
        },
      },
      {
        type: types.alarm,
        name: "lost",
        props: {
          metricQueries: [
            ...[network("in"), network("out")],
            { id: "rate", expression: "in + out / PERIOD(in)", returnData: true },
            { id: "next", expression: "(in - out) / PERIOD(out) + in", returnData: false },
          ],
        },
      },
    ],
    says: [
      "single: compares NetworkOut, bytes per period, with a limit",
      "raw: in (NetworkIn) is bytes per period and nothing divides it by PERIOD(…)",
      "other: in (NetworkIn) is bytes per period and nothing divides it by PERIOD(…)",
      'lost: "in + out / PERIOD(in)" adds bytes per period to bytes per second; are there parentheses missing?',
      'lost: "(in - out) / PERIOD(out) + in" adds bytes per period to bytes per second; are there parentheses missing?',
    ],
  },
  {
    rule: "flows-end",
    compliant: [
      { type: types.targets, props: { ...udp, connectionTermination: true, deregistrationDelay: 30 } },
      { type: types.targets, props: { protocol: "TCP" } },
    ],
    violating: [{ type: types.targets, props: { ...udp, deregistrationDelay: 3600 } }],
    says: ["it: connectionTermination is not set to true", "it: deregistrationDelay is 3600 s, above 300"],
  },
  {
    rule: "health-check-port",
    compliant: [
      { type: types.targets, props: { ...udp, healthCheck: { protocol: "HTTP", port: "8080" } } },
      { type: types.targets, props: { protocol: "TCP", port: 443 } },
    ],
    violating: [
      { type: types.targets, name: "default", props: udp },
      {
        type: types.targets,
        name: "same",
        props: { ...udp, healthCheck: { protocol: "HTTP", port: "51820" } },
      },
    ],
    says: [
      "default: healthCheck.protocol is the default (TCP), which says nothing about the agent",
      "default: healthCheck.port is traffic-port: WireGuard's own port, which answers no check",
      "same: healthCheck.port is 51820: WireGuard's own port, which answers no check",
    ],
  },
  {
    rule: "iam-no-wildcards",
    compliant: [
      {
        type: types.role,
        props: { assumeRolePolicy: policy(trust({ Service: "ec2.amazonaws.com" })), inlinePolicies: [] },
      },
      {
        type: types.rolePolicy,
        props: {
          policy: policy(
            { Effect: "Allow", Action: ["s3:GetObject", "kms:Describe*"], Resource: "*" },
            { Effect: "Deny", Action: "*", Resource: "*" },
          ),
        },
      },
    ],
    violating: [
      { type: types.role, name: "role", props: { assumeRolePolicy: policy(trust("*")) } },
      {
        type: types.rolePolicy,
        name: "policy",
        props: {
          policy: policy(
            { Sid: "All", Effect: "Allow", Action: ["s3:*", "*"], Resource: "*" },
            { Effect: "Allow", NotAction: "iam:*", Resource: "*" },
          ),
        },
      },
      {
        type: types.attachment,
        name: "admin",
        props: { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" },
      },
    ],
    says: [
      "role: statement 1 lets everybody take the role",
      "policy: All allows s3:*",
      "policy: All allows *",
      "policy: statement 2 allows everything but what it names",
      "admin: attaches arn:aws:iam::aws:policy/AdministratorAccess",
    ],
  },
  {
    rule: "no-ssh",
    compliant: [
      { type: types.template, props: { instanceType: "c7g.medium" } },
      { type: types.ingress, props: { ipProtocol: "tcp", fromPort: 8080, toPort: 8080 } },
      { type: types.ingress, props: { ipProtocol: "udp", fromPort: 0, toPort: 65535 } },
      {
        type: types.ingress,
        props: { ipProtocol: "-1", cidrIpv4: "10.0.0.0/16", tags: ROUTED },
      },
    ],
    violating: [
      { type: types.template, name: "template", props: { keyName: "ops" } },
      { type: types.keyPair, name: "pair" },
      { type: types.ingress, name: "range", props: { ipProtocol: "tcp", fromPort: 20, toPort: 25 } },
      { type: types.ingress, name: "all", props: { ipProtocol: "-1" } },
      { type: types.ingress, name: "unmarked", props: { ipProtocol: "-1", cidrIpv4: "10.0.0.0/16" } },
      {
        type: types.ingress,
        name: "marked-port",
        props: { ipProtocol: "tcp", fromPort: 22, toPort: 22, cidrIpv4: "10.0.0.0/16", tags: ROUTED },
      },
      {
        type: types.ingress,
        name: "marked-public",
        props: { ipProtocol: "-1", cidrIpv4: "0.0.0.0/0", tags: ROUTED },
      },
      {
        type: types.securityGroup,
        name: "inline",
        props: { ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["10.0.0.0/8"] }] },
      },
    ],
    says: [
      "template: gives servers an SSH key",
      "pair: is an SSH key pair",
      "range: opens TCP port 22",
      "all: opens TCP port 22",
      "unmarked: opens TCP port 22",
      "marked-port: opens TCP port 22",
      "marked-public: opens TCP port 22",
      "inline: opens TCP port 22",
    ],
  },
  {
    rule: "no-target-health-states",
    compliant: [
      { type: types.targets, props: udp },
      {
        type: types.targets,
        props: { protocol: "TCP", targetHealthStates: [{ enableUnhealthyConnectionTermination: false }] },
      },
    ],
    violating: [
      {
        type: types.targets,
        props: { ...udp, targetHealthStates: [{ enableUnhealthyConnectionTermination: false }] },
      },
    ],
    says: ["it: sets targetHealthStates on a UDP target group"],
  },
  {
    rule: "public-ingress",
    compliant: [
      ...front,
      open("tunnel", { ipProtocol: "udp", fromPort: 51820, toPort: 51820 }),
      open("mtu", { ipProtocol: "icmp", fromPort: 3, toPort: 4 }),
      open("health", { ipProtocol: "tcp", fromPort: 8080, toPort: 8080, cidrIpv4: "10.0.0.0/16" }),
    ],
    violating: [
      ...front,
      { type: types.securityGroup, name: "servers" },
      open("direct", { ipProtocol: "udp", fromPort: 51820, toPort: 51820 }, "servers"),
      open("tcp", { ipProtocol: "tcp", fromPort: 51820, toPort: 51820 }),
      open("wide", { ipProtocol: "udp", fromPort: 51820, toPort: 51830 }),
      open("half", { ipProtocol: "-1", cidrIpv4: "128.0.0.0/1" }),
      open("six", {
        ipProtocol: "tcp",
        fromPort: 443,
        toPort: 443,
        cidrIpv4: "10.0.0.0/8",
        cidrIpv6: "::/0",
      }),
      {
        type: types.securityGroup,
        name: "inline",
        props: { ingress: [{ protocol: "tcp", fromPort: 80, toPort: 80, cidrBlocks: ["0.0.0.0/0"] }] },
      },
    ],
    says: [
      "direct: lets udp 51820 in from the whole internet, to a security group that is not the load balancer's",
      "tcp: lets tcp 51820 in from the whole internet, to the load balancer",
      "wide: lets udp 51820 to 51830 in from the whole internet, to the load balancer",
      "half: lets everything in from the whole internet, to the load balancer",
      "six: lets tcp 443 in from the whole internet, to the load balancer",
      "inline: lets tcp 80 in from the whole internet, to a security group that is not the load balancer's",
    ],
  },
  {
    rule: "required-tags",
    compliant: [
      { type: types.eip, props: { tags: { Project: "wgc", Cluster: "wgc-dev", Stack: "dev" } } },
      {
        type: types.group,
        props: {
          tags: ["Project", "Cluster", "Stack"].map((key) => ({ key, value: "x", propagateAtLaunch: true })),
        },
      },
      { type: types.rolePolicy },
    ],
    violating: [
      { type: types.eip, name: "none" },
      { type: types.key, name: "one", props: { tags: { Project: "wgc", Stack: "dev" } } },
    ],
    says: ["none: lacks the tags Project, Cluster, Stack", "one: lacks the tag Cluster"],
  },
  {
    rule: "stateful-protected",
    compliant: [
      { type: types.fileSystem, protect: true },
      { type: types.balancer, stack: "dev" },
      { type: types.eip, name: "nat" },
      { type: types.logs },
    ],
    violating: [
      { type: types.fileSystem, name: "efs" },
      { type: types.mountTarget, name: "mount" },
      { type: types.eip, name: "ip", stack: "production-eu" },
      { type: types.balancer, name: "nlb", protect: true, from: { subnetMappings: "ip" } },
    ],
    says: [
      "efs: is not protected, and all clients and the server's key pair are in it",
      "mount: is not protected, and servers of its zone lose the registry until they mount again",
      "ip: is not protected, and clients know this address",
    ],
  },
];
