import { Endpoint, type EndpointArgs } from "../../components/endpoint";
import { all, arn, census, make, only } from "./harness";

const ARGS: EndpointArgs = {
  clusterName: "wgc-test",
  vpcId: "vpc-1",
  subnetIds: ["pub-1", "pub-2", "pub-3"],
  listenPort: 51820,
  serverKeyRotation: false,
  healthPort: 8080,
  clientSourceRanges: ["0.0.0.0/0"],
  crossZone: true,
  deregistrationDelaySeconds: 30,
  dnsName: "",
  dnsZone: "",
  protect: false,
  tags: { Owner: "net" },
};
const build = (args: Partial<EndpointArgs> = {}) => make(() => void new Endpoint("e", { ...ARGS, ...args }));
const tags = { Owner: "net", Name: "wgc-test" };

test("makes these resources and no others", async () => {
  expect(census(await build())).toEqual({
    "aws:ec2/eip:Eip": 3,
    "aws:ec2/securityGroup:SecurityGroup": 1,
    "aws:lb/listener:Listener": 1,
    "aws:lb/loadBalancer:LoadBalancer": 1,
    "aws:lb/targetGroup:TargetGroup": 1,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 2,
  });
});

test("a network load balancer on the internet with a static address a zone and a security group from birth", async () => {
  const made = await build();
  expect(only(made, "aws:lb/loadBalancer:LoadBalancer").inputs).toEqual({
    loadBalancerType: "network",
    internal: false,
    ipAddressType: "ipv4",
    enableCrossZoneLoadBalancing: true,
    enableDeletionProtection: false,
    securityGroups: ["e-nlb-sg-id"],
    subnetMappings: ["pub-1", "pub-2", "pub-3"].map((subnetId) => ({ subnetId, allocationId: "eipalloc-1" })),
    tags,
  });
});

test("listens for UDP and forwards to instances whose agent answers over HTTP", async () => {
  const made = await build();
  expect(only(made, "aws:lb/listener:Listener").inputs).toEqual({
    loadBalancerArn: arn("e-nlb"),
    port: 51820,
    protocol: "UDP",
    defaultActions: [{ type: "forward", targetGroupArn: arn("e-tg") }],
    tags,
  });
  expect(only(made, "aws:lb/targetGroup:TargetGroup").inputs).toEqual({
    vpcId: "vpc-1",
    protocol: "UDP",
    port: 51820,
    targetType: "instance",
    deregistrationDelay: 30,
    connectionTermination: true,
    healthCheck: {
      enabled: true,
      protocol: "HTTP",
      port: "8080",
      path: "/healthz",
      matcher: "200",
      interval: 5,
      timeout: 2,
      healthyThreshold: 2,
      unhealthyThreshold: 2,
    },
    tags,
  });
});

test("lets in WireGuard from where clients may be, and path MTU discovery", async () => {
  const made = await build({ clientSourceRanges: ["198.51.100.0/24", "203.0.113.0/24"], listenPort: 4500 });
  const rules = all(made, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").map(({ inputs }) => [
    inputs.cidrIpv4,
    inputs.ipProtocol,
    inputs.fromPort,
    inputs.toPort,
  ]);
  expect(rules.sort()).toEqual([
    ["0.0.0.0/0", "icmp", 3, 4],
    ["198.51.100.0/24", "udp", 4500, 4500],
    ["203.0.113.0/24", "udp", 4500, 4500],
  ]);
});

test("protection covers what clients know: addresses and load balancer", async () => {
  const made = await build({ protect: true });
  const isProtected = made.filter((one) => one.protect).map((one) => one.name);
  expect(isProtected.sort()).toEqual(["e-ip-1", "e-ip-2", "e-ip-3", "e-nlb"]);
  expect(only(made, "aws:lb/loadBalancer:LoadBalancer").inputs.enableDeletionProtection).toBe(true);
  expect((await build()).filter((one) => one.protect)).toEqual([]);
});

test("a DNS name becomes an alias in its zone", async () => {
  const made = await build({ dnsName: "vpn.example.com", dnsZone: "example.com" });
  expect(only(made, "aws:route53/record:Record").inputs).toEqual({
    zoneId: "ZEXAMPLE",
    name: "vpn.example.com",
    type: "A",
    aliases: [{ name: "nlb.example.net", zoneId: "ZNLB", evaluateTargetHealth: true }],
  });
});

test("refuses contradictions before anything is made", () => {
  expect(() => new Endpoint("e", { ...ARGS, subnetIds: ["pub-1"], healthPort: 51820 })).toThrow(
    "Endpoint: subnetIds must be at least two, in different zones; healthPort must differ from listenPort",
  );
});

test("with rotation of the server key there is a second port beside the first one, which stays as it is", async () => {
  const [one, two] = [
    await build(),
    await build({ serverKeyRotation: true, clientSourceRanges: ["1.2.3.0/24"] }),
  ];
  expect(census(two)).toEqual({
    ...census(one),
    "aws:lb/listener:Listener": 2,
    "aws:lb/targetGroup:TargetGroup": 2,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": 3,
  });
  const [first, second] = all(two, "aws:lb/listener:Listener");
  expect(first).toEqual(all(one, "aws:lb/listener:Listener")[0]);
  expect(second?.inputs).toEqual({
    ...first?.inputs,
    port: 51821,
    defaultActions: [{ type: "forward", targetGroupArn: arn("e-tg-second") }],
  });
  const [targets, more] = all(two, "aws:lb/targetGroup:TargetGroup");
  expect(targets).toEqual(all(one, "aws:lb/targetGroup:TargetGroup")[0]);
  expect(more?.inputs).toEqual({ ...targets?.inputs, port: 51821 });
  const open = all(two, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").map(
    ({ name, inputs }) => [name, inputs["cidrIpv4"], inputs["fromPort"], inputs["toPort"]],
  );
  expect(open).toContainEqual(["e-clients-1", "1.2.3.0/24", 51820, 51820]);
  expect(open).toContainEqual(["e-clients-1-second", "1.2.3.0/24", 51821, 51821]);
});
