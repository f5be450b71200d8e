import { countResources, runPlan } from "../../plan";
import { estimateCost } from "../../plan/cost";
import { renderGraph } from "../../plan/graph";
import { renderTree } from "../../plan/tree";
import { fixture, ofType, planOf } from "./support";

jest.setTimeout(60_000);

test("two runs of one program give the same plan, and a secret is nowhere in it", async () => {
  const [first, second] = [await planOf("small"), await planOf("small")];
  expect(second).toEqual(first);
  const object = first.resources.find((resource) => resource.name === "note");
  expect(object?.inputs["content"]).toEqual({ $secret: "[redacted]" });
  expect(object?.inputs["source"]).toMatchObject({ $asset: { text: "not a secret" } });
  expect(first.outputs["secret"]).toEqual({ $secret: "[redacted]" });
  const password = first.resources.find((resource) => resource.name === "password");
  expect(password?.outputs).toEqual({ length: 20, result: { $secret: "[redacted]" } });
});

test("a preview leaves unknown what AWS decides, a resolved plan leaves nothing unknown", async () => {
  const preview = await planOf("small", {}, "preview");
  const resolved = await planOf("small");
  expect(resolved.resources.map((resource) => resource.urn)).toEqual(
    preview.resources.map((resource) => resource.urn),
  );
  expect(preview.outputs).toMatchObject({
    greeting: "hello",
    region: "us-east-1",
    cidr: "10.0.0.0/16",
    vpcId: { $unknown: true },
    endpoint: { $unknown: true },
  });
  expect(resolved.outputs["endpoint"]).toMatch(
    /^edge-lb-[0-9a-f]{7}-[0-9a-f]{16}\.elb\.us-east-1\.amazonaws\.com:51820$/,
  );
  expect(JSON.stringify(resolved)).not.toContain("$unknown");
  const template = ofType(resolved, "aws:ec2/launchTemplate:LaunchTemplate")[0];
  const userData = Buffer.from(String(template?.inputs["userData"]), "base64").toString();
  expect(userData).toMatch(/^lb=edge-lb-.*\.amazonaws\.com ip=192\.0\.2\.10$/);
  expect(ofType(preview, "aws:ec2/launchTemplate:LaunchTemplate")[0]?.inputs["userData"]).toEqual({
    $unknown: true,
  });
});

test("options and dependencies are kept", async () => {
  const plan = await planOf("small");
  const eips = ofType(plan, "aws:ec2/eip:Eip");
  expect(eips.map((eip) => [eip.protect, eip.outputs["publicIp"]])).toEqual([
    [true, "192.0.2.10"],
    [true, "192.0.2.20"],
  ]);
  const balancer = ofType(plan, "aws:lb/loadBalancer:LoadBalancer")[0];
  expect(balancer?.ignoreChanges).toEqual(["tags"]);
  const publicSubnets = ofType(plan, "aws:ec2/subnet:Subnet").filter((subnet) =>
    subnet.name.includes("public"),
  );
  expect([...(balancer?.propertyDependencies["subnets"] ?? [])].sort()).toEqual(
    expect.arrayContaining(publicSubnets.map((subnet) => subnet.urn)),
  );
  expect(plan.resources.find((resource) => resource.name === "edge")).toMatchObject({
    custom: false,
    parent: null,
    id: "",
    type: "small:index:Edge",
  });
});

test("config overrides win over the stack's values", async () => {
  const plan = await runPlan({
    projectDir: fixture("small"),
    stack: "dev",
    mode: "preview",
    config: { greeting: "bye" },
  });
  expect(plan.outputs["greeting"]).toBe("bye");
});

test("the cost is what AWS bills by the hour and month", async () => {
  const cost = estimateCost(await planOf("cluster"));
  expect(cost.items.map((item) => [item.what, item.quantity, item.monthly])).toEqual([
    ["Network Load Balancer", 1, 16.43],
    ["public IPv4 address (Elastic IP)", 3, 10.95],
    ["public IPv4 address (server)", 4, 14.6],
    ["server c7g.medium", 4, 106],
    ["gp3 disk, 8 GB", 4, 2.56],
    ["detailed monitoring", 4, 8.4],
    ["KMS key", 1, 1],
    ["alarm metric", 3, 0.3],
  ]);
  expect(cost.monthly).toBe(160.24);
  expect(cost.usage.some((line) => line.startsWith("flow logs") && line.endsWith("(+ traffic)"))).toBe(true);
});

test("private servers have no address of their own but pay for NAT, in a preview too", async () => {
  for (const mode of ["resolved", "preview"] as const) {
    const items = estimateCost(await planOf("cluster", { subnets: "private" }, mode)).items;
    const quantity = (what: string) => items.find((item) => item.what === what)?.quantity ?? 0;
    expect(quantity("NAT gateway")).toBe(3);
    expect(quantity("public IPv4 address (server)")).toBe(0);
    expect(quantity("public IPv4 address (Elastic IP)")).toBe(6);
  }
});

test("a region without prices is said to have none", async () => {
  const plan = await planOf("cluster", {}, "resolved", "mars");
  const cost = estimateCost(plan);
  expect([cost.monthly, cost.problem]).toEqual([
    null,
    'no price table for region "eu-mars-1" (plan/prices.ts has us-east-1)',
  ]);
  expect(renderTree(plan, cost)).toContain('cost  not estimated: no price table for region "eu-mars-1"');
});

test("resources are what providers make, components what groups them, and the tree says the same", async () => {
  const plan = await planOf("cluster");
  const [first] = plan.resources.filter((resource) => resource.custom);
  if (first === undefined) throw new Error("the plan has no resource");
  const components = plan.resources.filter((resource) => !resource.custom).length;
  const { resources, text } = countResources(plan);
  expect([resources + components, text]).toEqual([
    plan.resources.length,
    `${resources} resources in ${components} component${components === 1 ? "" : "s"}`,
  ]);
  expect(renderTree(plan, estimateCost(plan))).toContain(`\n${text}\n`);
  // What is only read is not made.
  const read = { ...plan, resources: [...plan.resources, { ...first, external: true }] };
  expect(countResources(read).text).toBe(text);
  expect(countResources({ resources: [first] })).toEqual({
    resources: 1,
    components: 0,
    text: "1 resource in 0 components",
  });
});

test("tree and picture show the plan", async () => {
  const plan = await planOf("cluster");
  const tree = renderTree(plan, estimateCost(plan));
  expect(tree).toContain("net awsx:ec2:Vpc 23");
  expect(tree).toContain("6 × ec2.Subnet  net-private-1");
  expect(tree).toContain("autoscaling.Group  servers (ignores desiredCapacity)");
  expect(tree).toContain("cost  $160.24 a month + traffic");
  const svg = renderGraph(plan);
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]);
  expect(texts).toEqual(
    expect.arrayContaining([
      "us-east-1a",
      "us-east-1b",
      "us-east-1c",
      "192.0.2.10",
      "192.0.2.30",
      "TCP 8080, UDP 51820",
      "TCP 2049",
    ]),
  );
  expect(texts).toEqual(
    expect.arrayContaining([
      "clients → load balancer",
      "load balancer → servers",
      "servers → EFS",
      "servers → internet",
    ]),
  );
  expect(texts.filter((text) => text === "server")).toHaveLength(4);
  expect(svg.match(/<rect[^>]*class="vpc"/g) ?? svg.match(/class="vpc"/g)).toHaveLength(1);
});
