import { AwsQuery, EC2 } from "../../agent/aws/query";
import { authorize } from "../../lab/aws/authorize";
import { RoleKeyRing, type SignedRequest } from "../../lab/aws/role-keys";

/** What the agent's own client sends, with some instance's keys. */
async function signed(
  ring: RoleKeyRing,
  instance: string,
  change: Partial<SignedRequest> = {},
): Promise<SignedRequest> {
  let seen: SignedRequest | undefined;
  const fetchUrl = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const headers = { ...(init?.headers as Record<string, string>), host: new URL(String(url)).host };
    seen = { method: "POST", path: "/", headers, body: String(init?.body) };
    return new Response("<ok/>");
  };
  const query = new AwsQuery({
    ...{ service: EC2, region: "us-east-1", fetchUrl: fetchUrl as typeof fetch },
    credentials: { get: async () => ring.of(instance) },
    env: { AWS_ENDPOINT_URL_EC2: "http://203.0.113.250" },
  });
  await query.call("DescribeRouteTables", { RouteTableId: ["rtb-1"] });
  if (!seen) throw new Error("nothing was sent");
  return { ...seen, ...change };
}

test("the instance whose keys signed a request is told by it", async () => {
  const ring = new RoleKeyRing();
  const [first, second] = [await signed(ring, "i-1"), await signed(ring, "i-2")];
  expect(await ring.callerOf(first, "ec2", new Date())).toBe("i-1");
  expect(await ring.callerOf(second, "ec2", new Date())).toBe("i-2");
});

test("a request that was changed, is old, is for another service or has nobody's keys is refused", async () => {
  const ring = new RoleKeyRing();
  const good = await signed(ring, "i-1");
  const refused = (request: SignedRequest, service = "ec2", now = new Date()) =>
    expect(ring.callerOf(request, service, now)).rejects;
  await refused({ ...good, body: good.body.replace("rtb-1", "rtb-2") }).toMatchObject({
    code: "SignatureDoesNotMatch",
  });
  await refused({ ...good, path: "/other" }).toMatchObject({ code: "SignatureDoesNotMatch" });
  await refused(good, "autoscaling").toMatchObject({ code: "AuthFailure" });
  await refused(good, "ec2", new Date(Date.now() + 301_000)).toMatchObject({ code: "RequestExpired" });
  await refused({ ...good, headers: {} }).toMatchObject({ code: "AuthFailure" });
  const without = { ...good, headers: { ...good.headers, "x-amz-security-token": "other" } };
  await refused(without).toMatchObject({ code: "AuthFailure" });
  await refused(await signed(new RoleKeyRing(), "i-1")).toMatchObject({ code: "AuthFailure" });
});

const arn = (what: string): string => `arn:aws:ec2:us-east-1:123456789012:${what}`;
const statements = [
  { Effect: "Allow", Action: ["ec2:ReplaceRoute"], Resource: [arn("route-table/rtb-1")] },
  { Effect: "Allow", Action: "ec2:DescribeRouteTables", Resource: "*" },
  {
    Effect: "Allow",
    Action: "ec2:ModifyNetworkInterfaceAttribute",
    Resource: arn("network-interface/*"),
    Condition: {
      StringEquals: { "aws:ResourceTag/cluster": "mine", "ec2:Attribute/SourceDestCheck": "false" },
    },
  },
];
const model = (interfaceTags: Record<string, string>, more: object[] = []) => ({
  region: "us-east-1",
  rights: { statements: [...statements, ...more] as Record<string, unknown>[], interfaceTags },
  vpc: { id: "vpc-1", cidr: "10.0.0.0/16", routeTables: [] },
});
const off = { "ec2:Attribute/SourceDestCheck": "false" };

test.each([
  ["a table that the role names", "ReplaceRoute", ["rtb-1"], {}, true],
  ["another table", "ReplaceRoute", ["rtb-2"], {}, false],
  ["another action", "CreateRoute", ["rtb-1"], {}, false],
  ["a look at everything", "DescribeRouteTables", [], {}, true],
  ["an interface of the cluster", "ModifyNetworkInterfaceAttribute", ["eni-1"], off, true],
  [
    "the check switched on",
    "ModifyNetworkInterfaceAttribute",
    ["eni-1"],
    { "ec2:Attribute/SourceDestCheck": "true" },
    false,
  ],
  ["another attribute", "ModifyNetworkInterfaceAttribute", ["eni-1"], {}, false],
])("%s", (_, action, resources, facts, allowed) => {
  const ask = () => authorize(model({ cluster: "mine" }), "i-1", { action, resources, facts });
  if (allowed) expect(ask).not.toThrow();
  else expect(ask).toThrow(expect.objectContaining({ code: "UnauthorizedOperation", status: 403 }));
});

test("an interface of another cluster, or without a tag, is out of reach; a deny wins", () => {
  const call = { action: "ModifyNetworkInterfaceAttribute", resources: ["eni-1"], facts: off };
  for (const tags of [{ cluster: "other" }, {}])
    expect(() => authorize(model(tags), "i-1", call)).toThrow(
      /may not call ec2:ModifyNetworkInterfaceAttribute on eni-1/,
    );
  const deny = { Effect: "Deny", Action: "ec2:*", Resource: "*" };
  expect(() => authorize(model({ cluster: "mine" }, [deny]), "i-1", call)).toThrow(/may not call/);
});
