import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

/** What stands in the audit log when AWS does not say who asks. */
export const UNKNOWN_CALLER = "unknown";

/**
 * The ARN of the AWS identity that runs this program, for the audit log. `sts:GetCallerIdentity` needs no permission and cannot
 * be denied (STS API reference), so only a missing network or missing credentials leave it unknown; the call that follows says so.
 */
export async function callerArn(options: {
  readonly region: string;
  readonly profile?: string;
}): Promise<string> {
  const { region, profile } = options;
  const client = new STSClient({ region, ...(profile === undefined ? {} : { profile }), maxAttempts: 2 });
  try {
    return (await client.send(new GetCallerIdentityCommand({}))).Arn ?? UNKNOWN_CALLER;
  } catch {
    return UNKNOWN_CALLER;
  } finally {
    client.destroy();
  }
}
