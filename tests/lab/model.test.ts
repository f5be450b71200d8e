import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bootSteps } from "../../lab/cloud-config";
import { instanceId, readModel } from "../../lab/model";
import type { Plan } from "../../plan";
import { stackPlan } from "../support/plans";
import { patient } from "../support/slow";
import { PROJECT } from "./support";

let dev: Plan;
let prod: Plan;
beforeAll(async () => {
  dev = await stackPlan("dev");
  prod = await stackPlan("prod");
}, patient(120_000));

test("the dev stack's cluster is read whole", () => {
  const { userData, objects, fileSystems, endpoint, group, control, rights, role, vpc, ...rest } =
    readModel(dev);
  expect(rest).toEqual({
    stack: "dev",
    region: "us-east-1",
    backends: [
      { name: "backend", zone: "us-east-1a", cidr: "10.0.0.0/19" },
      { name: "backend2", zone: "us-east-1b", cidr: "10.0.64.0/19" },
    ],
    security: expect.anything(), // see network-model.test.ts
    routing: { mode: "masquerade", tunnelCidr: "10.100.0.0/16", meshPort: 51830, isPassive: false },
    listeners: [{ port: 51820, targetPort: 51820 }],
    zones: [
      {
        name: "us-east-1a",
        serverCidr: "10.0.32.0/20",
        balancerCidr: "10.0.32.0/20",
        publicIp: "192.0.2.10",
      },
      {
        name: "us-east-1b",
        serverCidr: "10.0.96.0/20",
        balancerCidr: "10.0.96.0/20",
        publicIp: "192.0.2.20",
      },
    ],
    targets: {
      port: 51820,
      deregistrationDelay: 30,
      terminateOnDeregistration: true,
      health: {
        port: 8080,
        path: "/healthz",
        matcher: "200",
        interval: 5,
        timeout: 2,
        healthy: 2,
        unhealthy: 2,
      },
    },
    allowedFromBalancer: [
      { protocol: "tcp", from: 8080, to: 8080 },
      { protocol: "udp", from: 51820, to: 51820 },
    ],
  });
  expect([group.min, group.max, group.desired, group.gracePeriod]).toEqual([2, 6, 3, 180]);
  expect(group.asksBalancer).toBe(true);
  expect(group.hooks).toEqual([
    { name: "wgc-launch", transition: "launch", heartbeatSeconds: 600, defaultResult: "ABANDON" },
    { name: "wgc-terminate", transition: "terminate", heartbeatSeconds: 90, defaultResult: "CONTINUE" },
  ]);
  expect([vpc.cidr, role, rights.interfaceTags["wgc:cluster"]]).toEqual([
    "10.0.0.0/16",
    expect.stringMatching(/^wgc-server-role-/),
    "wgc-dev",
  ]);
  expect(endpoint).toMatchObject({ port: 51820, crossZone: true });
  expect(endpoint.dnsName).toMatch(/\.elb\.us-east-1\.amazonaws\.com$/);
  expect(fileSystems).toHaveLength(1);
  expect(fileSystems[0]?.accessPoints.map(({ path, right }) => `${path} ${right}`).sort()).toEqual([
    "/registry read",
    "/registry/runtime write",
  ]);
  expect({ ...control, calls: [] }).toEqual({
    name: "wgc-dev-control",
    fileSystem: fileSystems[0]?.id,
    path: "/registry",
    calls: [],
  });
  expect(control.calls.map((call) => JSON.parse(call).operation)).toEqual(["init"]);
  const [agent] = objects;
  expect(agent?.key).toBe(`agent/${agent?.sha256}.js`);
  expect(userData).toContain(`s3://${agent?.bucket}/${agent?.key}`);
  const bundle = join(PROJECT, agent?.path ?? "");
  expect(existsSync(bundle)).toBe(true);
  expect(createHash("sha256").update(readFileSync(bundle)).digest("hex")).toBe(agent?.sha256);
});

test("the prod stack has three zones and its own limits", () => {
  const model = readModel(prod);
  expect(model.zones.map(({ name, publicIp }) => [name, publicIp])).toEqual([
    ["us-east-1a", "192.0.2.10"],
    ["us-east-1b", "192.0.2.20"],
    ["us-east-1c", "192.0.2.30"],
  ]);
  expect([model.group.min, model.group.max, model.group.desired]).toEqual([3, 9, 3]);
});

test("the lab knows every step of the real user data", () => {
  const steps = bootSteps(readModel(prod).userData);
  expect(steps.map(({ kind }) => kind)).toEqual([
    ...Array.from({ length: 8 }, () => "file"),
    ...["mount", "mount", "packages", "command"],
  ]);
});

const without = (type: string): Plan => ({
  ...dev,
  resources: dev.resources.filter((resource) => resource.type !== type),
});

test.each([
  "aws:lb/loadBalancer:LoadBalancer",
  "aws:lb/listener:Listener",
  "aws:lb/targetGroup:TargetGroup",
  "aws:autoscaling/group:Group",
  "aws:ec2/launchTemplate:LaunchTemplate",
  "aws:ec2/vpc:Vpc",
  "aws:lambda/invocation:Invocation",
])("a plan without %s is refused by its name", (type) => {
  expect(() => readModel(without(type))).toThrow(
    expect.objectContaining({
      name: "UserError",
      message: `the lab needs exactly one ${type} in the plan of stack dev, found 0; compare with: ./wgc plan`,
    }),
  );
});

test("a plan with two of a kind is refused as well", () => {
  const twice = {
    ...dev,
    resources: dev.resources.flatMap((r) => (r.type === "aws:autoscaling/group:Group" ? [r, r] : [r])),
  };
  expect(() => readModel(twice)).toThrow(/exactly one aws:autoscaling\/group:Group .* found 2/);
});

test("each listener leads to its target group's port; the first one is the endpoint's", () => {
  const second = dev.resources.flatMap((r) => {
    if (r.type === "aws:lb/listener:Listener")
      return [
        { ...r, inputs: { ...r.inputs, port: 51821, defaultActions: [{ targetGroupArn: "arn:second" }] } },
        r,
      ];
    if (r.type === "aws:lb/targetGroup:TargetGroup")
      return [
        { ...r, inputs: { ...r.inputs, port: 51999 }, outputs: { ...r.outputs, arn: "arn:second" } },
        r,
      ];
    return [r];
  });
  const model = readModel({ ...dev, resources: second });
  expect(model.listeners).toEqual([
    { port: 51820, targetPort: 51820 },
    { port: 51821, targetPort: 51999 },
  ]);
  expect([model.endpoint.port, model.targets.port]).toEqual([51820, 51820]);
});

test("subnets or addresses that the plan lacks are named", () => {
  expect(() => readModel(without("aws:ec2/subnet:Subnet"))).toThrow(
    /^subnet subnet-\w+, .* is not in the plan$/,
  );
  expect(() => readModel(without("aws:ec2/eip:Eip"))).toThrow(
    /^zone us-east-1a: .* static address .* not in the plan$/,
  );
});

test("a value that is unknown (a preview) is refused with its place", () => {
  const resources = dev.resources.map((resource) =>
    resource.type === "aws:lb/loadBalancer:LoadBalancer"
      ? { ...resource, outputs: { ...resource.outputs, dnsName: { $unknown: true } } }
      : resource,
  );
  expect(() => readModel({ ...dev, resources } as Plan)).toThrow(
    /LoadBalancer::.*: the lab needs a plain value of dnsName, the plan has \{"\$unknown":true\}/,
  );
});

test("a rule of the security group that goes is a port that closes", () => {
  const closed = dev.resources.filter(
    ({ type, inputs }) =>
      !(type === "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" && inputs["fromPort"] === 8080),
  );
  expect(readModel({ ...dev, resources: closed }).allowedFromBalancer).toEqual([
    { protocol: "udp", from: 51820, to: 51820 },
  ]);
});

test("a port that is open to others than the load balancer stays closed to it", () => {
  const ssh = dev.resources.flatMap((rule) =>
    rule.type === "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule" &&
    rule.inputs["fromPort"] === 8080
      ? [
          {
            ...rule,
            inputs: { ...rule.inputs, fromPort: 22, toPort: 22, referencedSecurityGroupId: "sg-other" },
          },
        ]
      : [],
  );
  expect(ssh).toHaveLength(1);
  expect(readModel({ ...dev, resources: [...dev.resources, ...ssh] }).allowedFromBalancer).toEqual([
    { protocol: "tcp", from: 8080, to: 8080 },
    { protocol: "udp", from: 51820, to: 51820 },
  ]);
});

test("instance ids look like EC2's, are stable, and differ by group and number", () => {
  expect(instanceId("g", 1)).toMatch(/^i-[0-9a-f]{17}$/);
  expect(instanceId("g", 1)).toBe(instanceId("g", 1));
  expect(new Set([instanceId("g", 1), instanceId("g", 2), instanceId("h", 1)]).size).toBe(3);
});
