import { hostname } from "node:os";

/** The instance metadata service (link local, only version 2 is enabled on our servers). */
const METADATA = "http://169.254.169.254/latest";
const LIMIT_MS = 1000;

/** Who this server is: WGC_INSTANCE_ID, else the EC2 instance id, else the host name. Never fails and never takes long. */
export async function instanceId(env: NodeJS.ProcessEnv): Promise<string> {
  const given = env["WGC_INSTANCE_ID"];
  if (given !== undefined && given !== "") return given;
  try {
    const token = await metadata("/api/token", "PUT", { "X-aws-ec2-metadata-token-ttl-seconds": "60" });
    return await metadata("/meta-data/instance-id", "GET", { "X-aws-ec2-metadata-token": token });
  } catch {
    return hostname();
  }
}

async function metadata(path: string, method: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${METADATA}${path}`, {
    method,
    headers,
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  if (!response.ok) throw new Error(`instance metadata ${path}: ${response.status}`);
  return (await response.text()).trim();
}
