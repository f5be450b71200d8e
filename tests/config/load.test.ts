import { UserError } from "../../config/errors";
import { loadSettings } from "../../config/load";

const load = (values: Record<string, string> = {}, stack = "dev") => {
  const own = Object.entries(values).map(([key, value]) => [key.includes(":") ? key : `wgc:${key}`, value]);
  return loadSettings({ stack, values: { "aws:region": "us-east-1", ...Object.fromEntries(own) } });
};

/** The faults that a configuration is refused for, without the heading. */
function faults(values: Record<string, string>, stack?: string): string[] {
  try {
    load(values, stack);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return error.message.split("\n  - ").slice(1);
  }
  return [];
}

test("an empty stack gets a whole, sound configuration", () => {
  expect(load({})).toEqual({
    warnings: [],
    settings: {
      clusterName: "wgc-dev",
      protect: false,
      tags: {},
      vpcCidr: "10.0.0.0/16",
      availabilityZoneCount: 3,
      availabilityZones: [],
      nodeSubnets: "public",
      natGateways: "none",
      flowLogRetentionDays: 30,
      listenPort: 51820,
      clientSourceRanges: ["0.0.0.0/0"],
      healthPort: 8080,
      crossZone: true,
      deregistrationDelaySeconds: 30,
      dnsName: "",
      dnsZone: "",
      tunnelCidr: "10.100.0.0/16",
      clientRoutes: ["10.0.0.0/16"],
      clientDns: [],
      mtu: 1420,
      operatorPrincipals: [],
      interfaceEndpoints: [],
      vpcId: "",
      publicSubnetIds: [],
      privateSubnetIds: [],
      persistentKeepalive: 25,
      instanceType: "c7g.medium",
      amiId: "",
      diskGib: 8,
      minServers: 3,
      maxServers: 9,
      desiredServers: 3,
      drainSeconds: 60,
      zoneDistribution: "balanced-best-effort",
      extraInstanceTypes: [],
      onDemandBase: 2,
      onDemandPercent: 100,
      warmPoolSize: 0,
      warmPoolState: "Stopped",
      scheduledCapacity: [],
      serverKeyRotation: false,
      takeover: true,
      meshPort: 51830,
      topology: "active-active",
      addressing: "masquerade",
      routedPrefixes: [],
      backendPrefixes: [],
      clientToClient: false,
      routeTables: [],
      monitoring: "full",
      alarmEmail: "",
      controlConcurrency: 5,
      scaleOutCpuPercent: 70,
      scaleInCpuPercent: 30,
      scaleOutNetworkMBps: 10,
      scaleInNetworkMBps: 2,
      region: "us-east-1",
    },
  });
});

test("lists and tags are read from text and from what `pulumi config set --path` writes", () => {
  const asText = load({ clientRoutes: "10.0.0.0/16, 10.9.0.0/16", tags: "Owner=net,Cost=a=b" }).settings;
  const asJson = load({
    clientRoutes: '["10.0.0.0/16","10.9.0.0/16"]',
    tags: '{"Owner":"net","Cost":"a=b"}',
  }).settings;
  expect(asText.clientRoutes).toEqual(["10.0.0.0/16", "10.9.0.0/16"]);
  expect(asText.tags).toEqual({ Owner: "net", Cost: "a=b" });
  expect(asJson).toEqual(asText);
});

test.each([
  [Array.from({ length: 41 }, (_, index) => `k${index}=v`).join(","), "; there are 41"],
  [`${"k".repeat(129)}=v`, "is a key of 129 characters, it must have 1 to 128"],
  ["=v", '"" is a key of 0 characters, it must have 1 to 128'],
  [`k=${"v".repeat(257)}`, '"k" is a tag whose value has 257 characters, it may have 256'],
  ["AWS:k=v", '"AWS:k" is reserved: keys must not start with aws:'],
  ["k=a;b", '"k" is a tag with other characters than letters, digits, spaces and _ . : / = + - @'],
  ["k#=v", '"k#" is a tag with other characters than'],
  ["k=a,k=b", '"k" is there twice'],
  ["Owner=a,owner=b", '"owner" is the same key as "Owner" but for its case, which IAM refuses'],
  ["name=a", '"name" is the same key as "Name" but for its case'],
  ["Owner", '"Owner" is no such pair'],
])("tags that AWS would refuse are refused first: %s", (tags, why) => {
  const [fault, ...more] = faults({ tags });
  expect(more).toEqual([]);
  expect(fault).toContain("it must be at most 40 Key=value pairs with commas between them, or empty");
  expect(fault).toContain(why);
  expect(fault?.endsWith("\n    pulumi config set wgc:tags Owner=network,Environment=dev")).toBe(true);
});

test("tags at AWS's limits are taken", () => {
  const most = Array.from({ length: 38 }, (_, index) => `k${index}=v`);
  const { tags } = load({
    tags: [...most, `${"ü".repeat(128)}=${"v".repeat(256)}`, "a b/c:d+e@f_g.h-i=x=y"].join(","),
  }).settings;
  expect(Object.keys(tags)).toHaveLength(40);
  expect(tags["a b/c:d+e@f_g.h-i"]).toBe("x=y");
});

test.each([
  // A security group takes 60 rules in a direction: the load balancer's has one more, the servers' four more.
  ["clientSourceRanges", 59],
  ["clientRoutes", 56],
] as const)("%s becomes security group rules, of which there may be %i", (key, most) => {
  const ranges = (count: number) =>
    Array.from({ length: count }, (_, index) => `10.${index}.0.0/16`).join(",");
  const tunnelCidr = "172.30.0.0/16";
  expect(load({ [key]: ranges(most), tunnelCidr, vpcCidr: "192.168.0.0/16" }).settings[key]).toHaveLength(
    most,
  );
  const [fault, ...more] = faults({ [key]: ranges(most + 1), tunnelCidr, vpcCidr: "192.168.0.0/16" });
  expect(more).toEqual([]);
  expect(fault).toContain(`it must be a comma-separated list of at most ${most} IPv4 ranges`);
  expect(fault).toContain(`; there are ${most + 1}\n`);
});

test("a fault says field, value, what is allowed and the line that mends it", () => {
  expect(faults({ minServers: "0" })).toEqual([
    "wgc:minServers is 0: it must be a whole number from 2 to 500\n    pulumi config set wgc:minServers 2",
  ]);
});

test("all faults of a configuration are reported together: fields, cross checks, unknown keys and the region", () => {
  const found = faults({
    "aws:region": "Frankfurt",
    listenPort: "0",
    vpcCidr: "10.0.0.0/33",
    availabilityZoneCount: "1",
    minServers: "5",
    maxServers: "4",
    minServer: "2",
  });
  expect(found.map((fault) => fault.split(":").slice(0, 2).join(":").split(" ")[0])).toEqual([
    "aws:region",
    "wgc:vpcCidr",
    "wgc:availabilityZoneCount",
    "wgc:listenPort",
    "wgc:minServers",
    "wgc:minServer",
  ]);
});

test.each([
  ["minServers", "2.5", "a whole number from 2 to 500", "2"],
  ["availabilityZoneCount", "1", "a whole number from 2 to 4", "3"],
  ["listenPort", "0", "a whole number from 1 to 65534", "51820"],
  ["healthPort", "65536", "a whole number from 1024 to 65535", "8080"],
  ["healthPort", "80", "a whole number from 1024 to 65535", "8080"],
  ["crossZone", "yes", "true or false", "true"],
  ["nodeSubnets", "isolated", "one of public, private", "public"],
  ["vpcCidr", "10.0.0.0/8", "an IPv4 range a.b.c.d/n with n from 16 to 24", "10.0.0.0/16"],
  [
    "vpcCidr",
    "10.0.5.0/16",
    "an IPv4 range a.b.c.d/n with n from 16 to 24 whose host bits are zero (10.0.0.0/16)",
    "10.0.0.0/16",
  ],
  ["tunnelCidr", "fd00::/64", "an IPv4 range a.b.c.d/n with n from 8 to 28", "10.100.0.0/16"],
  ["instanceType", "big", "an EC2 instance type like c7g.medium", "c7g.medium"],
  [
    "clientDns",
    "10.0.0.256",
    'a comma-separated list of IPv4 addresses, or empty; "10.0.0.256" is not: it must be one of the IPv4 addresses',
    "10.0.0.2",
  ],
  ["persistentKeepalive", "120", "a whole number from 1 to 119", "25"],
  ["controlConcurrency", "101", "a whole number from 1 to 100, or 0", "5"],
  ["drainSeconds", "5", "a whole number from 10 to 300", "60"],
  // Above it a packet of a full client does not fit into 1,500 bytes with WireGuard's 60 around it.
  ["mtu", "1441", "a whole number from 1280 to 1440", "1420"],
  [
    "clusterName",
    "c".repeat(25),
    "2 to 24 lower-case letters, digits and hyphens, starting with a letter, or empty",
    "wgc-dev",
  ],
  ["amiId", "latest", "an image id like ami-0123456789abcdef0, or empty", "ami-0123456789abcdef0"],
])("%s %s is refused", (key, value, allowed, example) => {
  expect(faults({ [key]: value })).toEqual([
    `wgc:${key} is ${value}: it must be ${allowed}\n    pulumi config set wgc:${key} ${example}`,
  ]);
});

test.each([
  [{ minServers: "10" }, "wgc:minServers", "maxServers, which is 9", "wgc:minServers 9"],
  [
    { desiredServers: "2" },
    "wgc:desiredServers",
    "between wgc:minServers (3) and wgc:maxServers (9)",
    "wgc:desiredServers 3",
  ],
  [
    { desiredServers: "10" },
    "wgc:desiredServers",
    "between wgc:minServers (3) and wgc:maxServers (9)",
    "wgc:desiredServers 9",
  ],
  [
    { crossZone: "false", minServers: "2" },
    "wgc:minServers",
    "a zone without a server drops its clients",
    "wgc:minServers 3",
  ],
  [
    { vpcCidr: "10.0.0.0/24", availabilityZoneCount: "2" },
    "wgc:maxServers",
    "room for 6 servers",
    "wgc:maxServers 4",
  ],
  [
    // 2 zones have room for 6: 3 servers and 2 more in a replacement leave 1 for the pool.
    { vpcCidr: "10.0.0.0/24", availabilityZoneCount: "2", maxServers: "3", warmPoolSize: "2" },
    "wgc:warmPoolSize",
    "as a rolling replacement runs, leave 1",
    "wgc:warmPoolSize 1",
  ],
  [
    { tunnelCidr: "10.0.128.0/20" },
    "wgc:tunnelCidr",
    "must not overlap wgc:vpcCidr 10.0.0.0/16",
    "wgc:tunnelCidr 10.100.0.0/16",
  ],
  [
    { clientRoutes: "10.100.3.0/24,10.7.0.0/16" },
    "wgc:clientRoutes",
    "(10.100.3.0/24)",
    "wgc:clientRoutes 10.7.0.0/16",
  ],
  [
    { vpcCidr: "127.0.0.0/16" },
    "wgc:vpcCidr",
    "must not overlap 127.0.0.0/8, which no host can use",
    "wgc:vpcCidr 10.0.0.0/16",
  ],
  [
    { tunnelCidr: "224.0.0.0/8" },
    "wgc:tunnelCidr",
    "must not overlap 224.0.0.0/3",
    "wgc:tunnelCidr 10.100.0.0/16",
  ],
  [
    { clientRoutes: "169.254.169.254/32,10.7.0.0/16" },
    "wgc:clientRoutes",
    "(169.254.169.254/32)",
    "wgc:clientRoutes 10.7.0.0/16",
  ],
  [
    { availabilityZones: "eu-west-1a,us-east-1b,eu-west-1c" },
    "wgc:availabilityZones",
    "eu-west-1a, eu-west-1c are not in aws:region us-east-1",
    `wgc:availabilityZones ""`,
  ],
  [{ nodeSubnets: "private" }, "wgc:natGateways", "no other way to the internet", "wgc:natGateways onePerAz"],
  [
    { availabilityZones: "us-east-1a" },
    "wgc:availabilityZones",
    "wgc:availabilityZoneCount says (3)",
    'wgc:availabilityZones ""',
  ],
  [{ healthPort: "51820" }, "wgc:healthPort", "must differ from wgc:listenPort", "wgc:healthPort 8080"],
  [{ dnsName: "vpn.example.com" }, "wgc:dnsZone", "Route 53 zone of wgc:dnsName", "wgc:dnsZone example.com"],
  [
    { dnsName: "vpn.example.org", dnsZone: "example.com" },
    "wgc:dnsName",
    ".example.com",
    "wgc:dnsName vpn.example.com",
  ],
  [
    { dnsName: "vpn.badexample.com", dnsZone: "example.com" },
    "wgc:dnsName",
    ".example.com",
    "wgc:dnsName vpn.example.com",
  ],
  [
    { scaleInCpuPercent: "70" },
    "wgc:scaleInCpuPercent",
    "below wgc:scaleOutCpuPercent (70)",
    "wgc:scaleInCpuPercent 35",
  ],
  [
    { scaleInNetworkMBps: "10" },
    "wgc:scaleInNetworkMBps",
    "below wgc:scaleOutNetworkMBps (10)",
    "wgc:scaleInNetworkMBps 2",
  ],
])("settings that contradict each other: %j", (values, key, why, mend) => {
  const found = faults(values as unknown as Record<string, string>);
  expect(found).toHaveLength(1);
  expect(found[0]?.startsWith(`${key} is `)).toBe(true);
  expect(found[0]).toContain(why);
  expect(found[0]?.endsWith(`\n    pulumi config set ${mend}`)).toBe(true);
});

test("the line that mends a contradiction mends it", () => {
  const wrong: Record<string, string>[] = [
    { minServers: "10" },
    { vpcCidr: "10.0.0.0/24", availabilityZoneCount: "2", minServers: "2" },
    {
      vpcCidr: "10.0.0.0/24",
      availabilityZoneCount: "2",
      maxServers: "4",
      warmPoolSize: "2",
      minServers: "2",
    },
    { vpcCidr: "10.100.0.0/16", clientRoutes: "0.0.0.0/0" },
    { scaleInCpuPercent: "90" },
    { dnsName: "vpn.example.com" },
  ];
  for (const values of wrong) {
    const [, key = "", value = ""] = /config set wgc:(\S+) (\S+)$/.exec(faults(values)[0] ?? "") ?? [];
    expect(faults({ ...values, [key]: value })).toEqual([]);
  }
});

test.each<Record<string, string>>([
  // The zone's own name may be the endpoint's.
  { dnsName: "example.com", dnsZone: "example.com" },
  { desiredServers: "3" },
  { desiredServers: "9" },
  { clusterName: "c".repeat(24) },
])("what lies at a bound is taken: %j", (values) => {
  expect(faults(values)).toEqual([]);
});

test("a wide route that contains the tunnel's range is fine: full-tunnel clients use it", () => {
  expect(load({ clientRoutes: "0.0.0.0/0" }).settings.clientRoutes).toEqual(["0.0.0.0/0"]);
});

test("an unknown key is refused, with the nearest known one", () => {
  expect(faults({ minServer: "2", colour: "red" })).toEqual([
    "wgc:minServer is no setting of this project; did you mean wgc:minServers?\n    pulumi config rm wgc:minServer",
    "wgc:colour is no setting of this project\n    pulumi config rm wgc:colour",
  ]);
});

test("keys of other namespaces are not this project's business", () => {
  expect(faults({ "aws:profile": "x", "pulumi:template": "y" })).toEqual([]);
});

test("the region is required", () => {
  expect(() => loadSettings({ stack: "dev", values: {} })).toThrow(
    /aws:region is not set: .*\n {4}pulumi config set aws:region us-east-1/,
  );
});

test("a stack whose name makes no cluster name must give one", () => {
  expect(faults({}, "Feature_42")).toEqual([
    "wgc:clusterName is empty, and wgc-Feature_42 (from the stack's name) is no replacement: it must be 2 to 24 lower-case letters, digits and hyphens, starting with a letter, or empty\n    pulumi config set wgc:clusterName wgc-dev",
  ]);
  expect(load({ clusterName: "vpn" }, "Feature_42").settings.clusterName).toBe("vpn");
});

test("what is allowed but questionable is warned about", () => {
  const warned = (values: Record<string, string>) =>
    load(values).warnings.map((warning) => warning.split(" ")[0]);
  expect(warned({ instanceType: "t4g.small" })).toEqual(["wgc:instanceType"]);
  expect(warned({ nodeSubnets: "private", natGateways: "single" })).toEqual(["wgc:natGateways"]);
  expect(warned({ natGateways: "single" })).toEqual(["wgc:natGateways"]);
  expect(warned({ minServers: "2" })).toEqual(["wgc:minServers"]);
  expect(warned({ nodeSubnets: "private", natGateways: "onePerAz" })).toEqual([]);
});

test.each([
  ["arn:aws:iam::123456789012:role/admin", "one of the ARNs of IAM users"],
  ["arn:aws:iam::123456789012:user/*", "one of the ARNs of IAM users"],
  ["*", "one of the ARNs of IAM users"],
  ["alice", "one of the ARNs of IAM users"],
])(
  "operators cannot be %s: neither everybody nor a role, whose sessions carry no MFA",
  (principal, message) => {
    expect(() => load({ "wgc:operatorPrincipals": principal })).toThrow(message);
  },
);
