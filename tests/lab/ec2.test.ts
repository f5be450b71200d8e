import { answerEc2 } from "../../lab/aws/ec2";
import { ApiError, Parameters, xml } from "../../lab/aws/query";
import { API_LATENCY_MS, NO_TROUBLE, refusal, waitOf } from "../../lab/aws/trouble";
import { interfaceId, Vpc } from "../../lab/vpc/vpc";

const TUNNEL = "10.100.0.0/16";

function vpcWithServers(): Vpc {
  const vpc = new Vpc({
    id: "vpc-1",
    cidr: "10.0.0.0/16",
    routeTables: [
      {
        ...{ id: "rtb-a", zone: "us-east-1a", subnets: ["10.0.32.0/20"], tags: {} },
        routes: [{ destination: "0.0.0.0/0", target: { gatewayId: "igw-1" } }],
      },
      { id: "rtb-b", zone: "us-east-1b", subnets: ["10.0.96.0/20"], tags: {}, routes: [] },
    ],
  });
  const place = { zone: "us-east-1a", subnet: "10.0.32.0/20" };
  vpc.addInterface({ ...place, instance: "i-1", server: "s1", address: "10.0.32.10" });
  vpc.addInterface({ ...place, instance: "i-2", server: "s2", address: "10.0.32.11" });
  return vpc;
}
const [ENI1, ENI2] = [interfaceId("i-1"), interfaceId("i-2")];

const call = (vpc: Vpc, action: string, parameters: Record<string, string> = {}, version = "2016-11-15") =>
  answerEc2(vpc, form({ Action: action, Version: version, ...parameters }), "request-1", () => {});
const form = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();
const codeOf = (body: string): string | undefined => /<Code>([^<]*)<\/Code>/.exec(body)?.[1];
const route = (table: string, eni: string, destination = TUNNEL) => ({
  RouteTableId: table,
  DestinationCidrBlock: destination,
  NetworkInterfaceId: eni,
});
const targets = (vpc: Vpc): (string | undefined)[] =>
  ["rtb-a", "rtb-b"].map((id) => vpc.table(id)?.routes.get(TUNNEL)?.interface);

test("a route is created, and replaced after that, in its own table alone", () => {
  const vpc = vpcWithServers();
  expect(call(vpc, "CreateRoute", route("rtb-a", ENI1))).toEqual({
    status: 200,
    body:
      '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<CreateRouteResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">' +
      "<requestId>request-1</requestId><return>true</return></CreateRouteResponse>",
  });
  expect(targets(vpc)).toEqual([ENI1, undefined]);
  expect(call(vpc, "ReplaceRoute", route("rtb-a", ENI2)).status).toBe(200);
  expect(targets(vpc)).toEqual([ENI2, undefined]);
});

test.each([
  ["a route that is not there", "ReplaceRoute", route("rtb-a", ENI1), "InvalidParameterValue"],
  ["a route of the plan", "CreateRoute", route("rtb-a", ENI1, "0.0.0.0/0"), "RouteAlreadyExists"],
  ["an unknown table", "CreateRoute", route("rtb-c", ENI1), "InvalidRouteTableID.NotFound"],
  ["an unknown interface", "CreateRoute", route("rtb-a", "eni-9"), "InvalidNetworkInterfaceID.NotFound"],
  ["no range", "CreateRoute", route("rtb-a", ENI1, "10.100.0.0"), "InvalidParameterValue"],
  ["a range with host bits", "CreateRoute", route("rtb-a", ENI1, "10.100.0.1/16"), "InvalidParameterValue"],
  ["a prefix too long", "CreateRoute", route("rtb-a", ENI1, "10.100.0.0/33"), "InvalidParameterValue"],
  ["a range of the VPC", "CreateRoute", route("rtb-a", ENI1, "10.0.64.0/20"), "InvalidParameterValue"],
  [
    "a missing parameter",
    "CreateRoute",
    { RouteTableId: "rtb-a", DestinationCidrBlock: TUNNEL },
    "MissingParameter",
  ],
  [
    "a parameter too many",
    "CreateRoute",
    { ...route("rtb-a", ENI1), GatewayId: "igw-1" },
    "UnknownParameter",
  ],
])("%s is refused, and nothing changes", (_, action, parameters, code) => {
  const vpc = vpcWithServers();
  const { status, body } = call(vpc, action, parameters as Record<string, string>);
  expect([status, codeOf(body)]).toEqual([400, code]);
  expect(targets(vpc)).toEqual([undefined, undefined]);
});

test("a second create is refused and leaves the first", () => {
  const vpc = vpcWithServers();
  call(vpc, "CreateRoute", route("rtb-a", ENI1));
  expect(codeOf(call(vpc, "CreateRoute", route("rtb-a", ENI2)).body)).toBe("RouteAlreadyExists");
  expect(targets(vpc)).toEqual([ENI1, undefined]);
});

test("routes are described with what they lead to; an interface that is gone is a black hole", () => {
  const vpc = vpcWithServers();
  call(vpc, "CreateRoute", route("rtb-a", ENI1));
  const describe = (): string => call(vpc, "DescribeRouteTables", { "RouteTableId.1": "rtb-a" }).body;
  const item = (content: string): string => `<item>${content}</item>`;
  const fixed =
    item(
      "<destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state><origin>CreateRouteTable</origin>",
    ) +
    item(
      "<destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId><state>active</state><origin>CreateRoute</origin>",
    );
  expect(describe()).toContain(
    `<routeTableSet><item><routeTableId>rtb-a</routeTableId><vpcId>vpc-1</vpcId><routeSet>${fixed}${item(
      `<destinationCidrBlock>${TUNNEL}</destinationCidrBlock><instanceId>i-1</instanceId><instanceOwnerId>123456789012</instanceOwnerId>` +
        `<networkInterfaceId>${ENI1}</networkInterfaceId><state>active</state><origin>CreateRoute</origin>`,
    )}</routeSet>`,
  );
  vpc.removeInterface(ENI1);
  expect(describe()).toContain(
    `<networkInterfaceId>${ENI1}</networkInterfaceId><state>blackhole</state><origin>CreateRoute</origin></item></routeSet>`,
  );
  expect(describe()).not.toContain("i-1<");
  expect(call(vpc, "ReplaceRoute", route("rtb-a", ENI2)).status).toBe(200);
});

test("without ids all tables are described; an id that does not exist is an error", () => {
  const vpc = vpcWithServers();
  const ids = (body: string) => [...body.matchAll(/<routeTableId>([^<]*)</g)].map(([, id]) => id);
  expect(ids(call(vpc, "DescribeRouteTables").body)).toEqual(["rtb-a", "rtb-b"]);
  expect(ids(call(vpc, "DescribeRouteTables", { "RouteTableId.1": "rtb-b" }).body)).toEqual(["rtb-b"]);
  expect(
    codeOf(call(vpc, "DescribeRouteTables", { "RouteTableId.1": "rtb-b", "RouteTableId.2": "rtb-x" }).body),
  ).toBe("InvalidRouteTableID.NotFound");
});

test("the source/destination check is on until it is switched off, for that interface alone", () => {
  const vpc = vpcWithServers();
  const checks = () => vpc.allInterfaces().map(({ sourceDestCheck }) => sourceDestCheck);
  const modify = (parameters: Record<string, string>) =>
    call(vpc, "ModifyNetworkInterfaceAttribute", { NetworkInterfaceId: ENI1, ...parameters });
  expect(checks()).toEqual([true, true]);
  expect(codeOf(modify({ "SourceDestCheck.Value": "no" }).body)).toBe("InvalidParameterValue");
  expect(codeOf(modify({}).body)).toBe("InvalidParameterCombination");
  expect(codeOf(modify({ "SourceDestCheck.Value": "false", "GroupSet.1": "sg-1" }).body)).toBe(
    "UnknownParameter",
  );
  expect(checks()).toEqual([true, true]);
  expect(modify({ "SourceDestCheck.Value": "false" }).status).toBe(200);
  expect(checks()).toEqual([false, true]);
  expect(modify({ "SourceDestCheck.Value": "true" }).status).toBe(200);
  expect(checks()).toEqual([true, true]);
});

test("other actions and versions, and a parameter that is there twice, are refused", () => {
  const vpc = vpcWithServers();
  expect(codeOf(call(vpc, "DeleteRoute").body)).toBe("InvalidAction");
  expect(codeOf(call(vpc, "toString").body)).toBe("InvalidAction");
  expect(codeOf(call(vpc, "DescribeRouteTables", {}, "2014-01-01").body)).toBe("InvalidAction");
  expect(codeOf(answerEc2(vpc, "Action=A&Action=B", "r", () => {}).body)).toBe("InvalidParameter");
});

test("whoever may not is refused before anything changes, and is asked about the very call", () => {
  const vpc = vpcWithServers();
  const asked: object[] = [];
  const refuse = (what: object): never => {
    asked.push(what);
    throw new ApiError("UnauthorizedOperation", "no", 403);
  };
  const attempt = (parameters: Record<string, string>) =>
    answerEc2(vpc, form({ Version: "2016-11-15", ...parameters }), "r", refuse).status;
  expect(attempt({ Action: "CreateRoute", ...route("rtb-a", ENI1) })).toBe(403);
  expect(
    attempt({
      Action: "ModifyNetworkInterfaceAttribute",
      NetworkInterfaceId: ENI1,
      "SourceDestCheck.Value": "false",
    }),
  ).toBe(403);
  expect(attempt({ Action: "DescribeRouteTables" })).toBe(403);
  expect(asked).toEqual([
    { action: "CreateRoute", resources: ["rtb-a"], facts: {} },
    {
      action: "ModifyNetworkInterfaceAttribute",
      resources: [ENI1],
      facts: { "ec2:Attribute/SourceDestCheck": "false" },
    },
    { action: "DescribeRouteTables", resources: [], facts: {} },
  ]);
  expect([targets(vpc), vpc.interface(ENI1)?.sourceDestCheck]).toEqual([[undefined, undefined], true]);
});

test("text in answers cannot become elements", () => {
  expect(xml({ a: "<b>&\"'", list: [1, true] })).toBe(
    "<a>&#60;b&#62;&#38;&#34;&#39;</a><list><item>1</item><item>true</item></list>",
  );
});

test("lists of parameters are read in order, up to the first that is missing", () => {
  expect(Parameters.parse("Id.2=b&Id.1=a&Id.4=d").list("Id")).toEqual(["a", "b"]);
});

test("a change takes the whole latency, everything else a tenth; in trouble every call is refused", () => {
  expect(waitOf(NO_TROUBLE, false)).toBe(API_LATENCY_MS);
  expect(waitOf(NO_TROUBLE, true)).toBe(API_LATENCY_MS / 10);
  expect(waitOf({ state: "throttle", latency: 5000 }, false)).toBe(500);
  expect(refusal("fine", "r")).toBeUndefined();
  const told = (state: "throttle" | "error") => {
    const answer = refusal(state, "r");
    return [answer?.status, codeOf(answer?.body ?? "")];
  };
  expect(told("throttle")).toEqual([503, "RequestLimitExceeded"]);
  expect(told("error")).toEqual([500, "InternalError"]);
});
