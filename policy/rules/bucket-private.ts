import type { StackValidationPolicy } from "@pulumi/policy";
import { statements } from "../iam";
import { field, isOn } from "../read";

const BUCKET = ["aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2"];
const BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock";
const POLICY = "aws:s3/bucketPolicy:BucketPolicy";
const SWITCHES = [
  "blockPublicAcls",
  "blockPublicPolicy",
  "ignorePublicAcls",
  "restrictPublicBuckets",
] as const;

/** Whoever can write the bucket decides what servers run; whoever can read it learns what they run. */
export const bucketPrivate: StackValidationPolicy = {
  name: "bucket-private",
  description: "Buckets block all public access, and no bucket policy allows anything to everybody.",
  enforcementLevel: "mandatory",
  remediationSteps: `Add an aws.s3.BucketPublicAccessBlock with ${SWITCHES.join(", ")}: true.`,
  validateStack: ({ resources }, report) => {
    const blocks = resources.filter(({ type }) => type === BLOCK);
    for (const { type, urn } of resources) {
      if (!BUCKET.includes(type)) continue;
      const own = blocks.find((block) =>
        block.propertyDependencies["bucket"]?.some((bucket) => bucket.urn === urn),
      );
      const off = SWITCHES.filter((name) => own === undefined || !isOn(own.props, name));
      if (off.length > 0) report(`does not block public access (${off.join(", ")})`, urn);
    }
    for (const { type, urn, props } of resources) {
      if (type !== POLICY) continue;
      for (const { sid, allow, everybody } of statements(field(props, "policy")))
        if (allow && everybody) report(`${sid} allows everybody something`, urn);
    }
  },
};
