import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentBundle } from "../../components/agent-bundle";
import { bundleProgram } from "../../components/bundle";
import { UserError } from "../../config/errors";
import { census, document, make, only } from "./harness";

const bundleAgent = (entry: string, output: string) => bundleProgram("the agent", entry, output);

/** A small agent in a folder of its own. */
function sources(main = 'import { word } from "./word";\nconsole.log(word satisfies string);\n') {
  const root = mkdtempSync(join(tmpdir(), "wgc-bundle-"));
  mkdirSync(join(root, "agent"));
  writeFileSync(join(root, "agent", "main.ts"), main);
  writeFileSync(join(root, "agent", "word.ts"), 'export const word = "täglich";\n');
  return { entry: join(root, "agent", "main.ts"), output: join(root, "out") };
}

test("the same sources give the same bytes wherever they are, under the name of their hash", () => {
  const [here, there] = [sources(), sources()];
  const [a, b] = [bundleAgent(here.entry, here.output), bundleAgent(there.entry, there.output)];
  expect(a.sha256).toBe(b.sha256);
  const content = readFileSync(a.file);
  expect(createHash("sha256").update(content).digest("hex")).toBe(a.sha256);
  expect(readdirSync(here.output)).toEqual([`${a.sha256}.js`]);
  expect(content.toString()).toContain("täglich");
  expect(content.toString()).not.toContain(tmpdir());
});

test("another source gives another name", () => {
  const [one, other] = [sources(), sources("console.log(2);\n")];
  expect(bundleAgent(one.entry, one.output).sha256).not.toBe(bundleAgent(other.entry, other.output).sha256);
});

test("a bundled agent says the version of package.json", () => {
  const root = join(__dirname, "..", "..");
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { file } = bundleAgent(join(root, "agent", "main.ts"), mkdtempSync(join(tmpdir(), "wgc-bundle-")));
  const run = spawnSync(process.execPath, [file, "version"], { encoding: "utf8" });
  expect([run.stdout, run.stderr]).toEqual([`${version}\n`, ""]);
});

test("a missing or broken agent is an error that a person can act on", () => {
  const { entry, output } = sources("const = 1;\n");
  expect(() => bundleAgent(entry, output)).toThrow(UserError);
  expect(() => bundleAgent(entry, output)).toThrow(/main\.ts\) cannot be bundled: .*main\.ts:1:6/s);
  expect(() => bundleAgent(join(output, "none.ts"), output)).toThrow(/none\.ts is missing/);
});

const TAGS = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`tag${index}`, "x"]));
const build = (protect = false) => {
  const { entry, output } = sources();
  return make(
    () =>
      void new AgentBundle("a", {
        clusterName: "wgc-test",
        entry,
        outputFolder: output,
        protect,
        tags: TAGS,
      }),
  );
};

test("a private, versioned, encrypted bucket that only its owner reaches, over TLS", async () => {
  const made = await build();
  expect(census(made)).toEqual({
    "aws:s3/bucket:Bucket": 1,
    "aws:s3/bucketObjectv2:BucketObjectv2": 1,
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": 1,
    "aws:s3/bucketPolicy:BucketPolicy": 1,
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": 1,
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": 1,
    "aws:s3/bucketVersioning:BucketVersioning": 1,
    "random:index/randomId:RandomId": 1,
  });
  const bucket = "wgc-test-agent-0badcafe";
  const inputs = (kind: string) => only(made, `aws:s3/bucket${kind}:Bucket${kind}`).inputs;
  expect(only(made, "aws:s3/bucket:Bucket").inputs).toMatchObject({ bucket, forceDestroy: true });
  expect(inputs("PublicAccessBlock")).toEqual({
    bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  expect(inputs("OwnershipControls")).toEqual({ bucket, rule: { objectOwnership: "BucketOwnerEnforced" } });
  expect(inputs("Versioning")).toEqual({ bucket, versioningConfiguration: { status: "Enabled" } });
  expect(inputs("ServerSideEncryptionConfiguration")).toEqual({
    bucket,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }],
  });
  expect(document(inputs("Policy").policy).Statement).toEqual([
    {
      Sid: "DenyClearText",
      Effect: "Deny",
      Principal: "*",
      Action: "s3:*",
      Resource: ["arn:test:a-bucket", "arn:test:a-bucket/*"],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    },
  ]);
});

test("the object's key is its hash, and it stays when a newer agent takes its place", async () => {
  const object = only(await build(), "aws:s3/bucketObjectv2:BucketObjectv2");
  expect(object.inputs.key).toMatch(/^agent\/[0-9a-f]{64}\.js$/);
  expect(object.retainOnDelete).toBe(true);
  expect(object.dependencies).toEqual([
    "a-bucket",
    "a-encryption",
    "a-ownership",
    "a-policy",
    "a-public-access",
    "a-versioning",
  ]);
});

test("tags are the bucket's; an object takes only ten and has none", async () => {
  const made = await build();
  expect(only(made, "aws:s3/bucket:Bucket").inputs.tags).toEqual({ ...TAGS, Name: "wgc-test-agent" });
  expect(only(made, "aws:s3/bucketObjectv2:BucketObjectv2").inputs.tags).toBeUndefined();
});

test("a protected bucket is not emptied", async () => {
  expect(only(await build(true), "aws:s3/bucket:Bucket").inputs.forceDestroy).toBe(false);
});
