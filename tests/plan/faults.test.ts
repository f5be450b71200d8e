import { failureOf, planOf } from "./support";

jest.setTimeout(60_000);

/** What the plan says of each way in which a program can go wrong: the resource is named, and the message is all there is. */
const faults: readonly [kind: string, message: string | RegExp][] = [
  [
    "duplicate",
    'aws:s3/bucket:Bucket "files" is registered twice under faults:index:Part "part" (URN urn:pulumi:dev::faults::faults:index:Part$aws:s3/bucket:Bucket::files); give one another name',
  ],
  [
    "missing",
    'aws:ec2/subnet:Subnet "lonely" (under faults:index:Part "part"): missing required input "vpcId"',
  ],
  ["missingInSdk", /^ec2\.Subnet "lonely" at index\.ts:\d+: missing required input "vpcId"$/],
  [
    "unknownType",
    'aws:lb/loadBalancr:LoadBalancr "edge" (under the stack): the installed SDK has no such resource type; is it misspelt, or its @pulumi package missing?',
  ],
  ["unknownInvoke", /calls aws:rds\/getEngineVersion:getEngineVersion.*no stand-in for it/],
  ["exception", /^the Pulumi program failed at index\.ts:\d+: TypeError: no such thing as 7$/],
  [
    "userError",
    "wgc:minServers: 9 is more than maxServers 3\n  mend it with: pulumi config set wgc:minServers 3",
  ],
  ["rejection", /^the Pulumi program failed at index\.ts:\d+: later trouble$/],
  ["exit", /ended with exit code 7 and no error message/],
  ["standinLacksOutput", 'stack output "url" has no value in a resolved plan'],
  [
    "lacksOutputAsInput",
    'aws:s3/bucketPolicy:BucketPolicy "policy" (under the stack): input "bucket" has no value in a resolved plan; it comes from aws:sqs/queue:Queue "queue", whose stand-in lacks that output',
  ],
  [
    "outputAsText",
    /^aws:s3\/bucket:Bucket "files": "tags\.Owner" was made from an Output as if it were text/,
  ],
  [
    "userData",
    'aws:ec2/launchTemplate:LaunchTemplate "t" (under the stack): user data line 2 holds "undefined", a value that was never set',
  ],
  [
    "longUserData",
    'aws:ec2/launchTemplate:LaunchTemplate "t" (under the stack): user data has 16385 bytes, EC2 allows 16384',
  ],
  ["longName", /has 39 characters, AWS allows 32; give a shorter one$/],
  [
    "vpc",
    /^awsx:ec2:Vpc "net" \(under the stack\): subnet "Public" \(\/20\) does not fit into its zone's 10\.0\.0\.0\/28$/,
  ],
  ["transform", /"files" has transforms, which a plan cannot carry out/],
];

// One after the other: each is a process of its own, and the machine may have two cores.
test.each(faults)("%s is reported as such", async (kind, message) => {
  const error = await failureOf(kind);
  expect(error.name).toBe("UserError");
  if (typeof message === "string") expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
  expect(error.message).not.toMatch(/^\s+at /m);
});

test("all faults of one program are reported together", async () => {
  const { message } = await failureOf("twoFaults");
  expect(message).toMatch(/^the plan has 2 faults:/);
  expect(message).toContain('"lonely" (under faults:index:Part "part"): missing required input "vpcId"');
  expect(message).toContain('"other" (under the stack): missing required input "vpcId"');
});

test("the stack trace is kept for --debug", async () => {
  const { cause } = await failureOf("exception");
  expect(cause).toBeInstanceOf(Error);
  expect((cause as Error).stack).toMatch(/TypeError: no such thing as 7\n\s+at /);
});

test("in a preview, what AWS decides may stay unknown", async () => {
  const plan = await planOf("faults", { kind: "standinLacksOutput" }, "preview");
  expect(plan.outputs).toEqual({ url: { $unknown: true } });
});

test("a program that needs a region and has none is told how to set it", async () => {
  const { message } = await failureOf("", "resolved", "noregion");
  expect(message).toBe(
    "no AWS region is set; set one with: pulumi config set aws:region us-east-1 --stack noregion",
  );
});

test("an encrypted value needs a stand-in, and stays a secret with one", async () => {
  const { message } = await failureOf("", "resolved", "locked");
  expect(message).toContain("faults:token is encrypted");
  expect(message).toContain("wgc plan --config faults:token=VALUE");
  const plan = await planOf("faults", { "faults:token": "hunter2" }, "resolved", "locked");
  expect(plan.resources.map((resource) => resource.inputs["value"])).toEqual([{ $secret: "[redacted]" }]);
  expect(JSON.stringify(plan)).not.toContain("hunter2");
});

test("an unknown stack names those that exist", async () => {
  const { message } = await failureOf("", "resolved", "nope");
  expect(message).toBe(
    'there is no stack "nope" (no Pulumi.nope.yaml); this project has dev, locked, noregion',
  );
});
