import { hostname } from "node:os";
import { Imds } from "./imds";

/** Who this server is: WGC_INSTANCE_ID, else the EC2 instance id, else the host name. Never fails and never takes long. */
export async function instanceId(
  env: NodeJS.ProcessEnv,
  imds: Pick<Imds, "get"> = new Imds(),
): Promise<string> {
  const given = env["WGC_INSTANCE_ID"];
  if (given !== undefined && given !== "") return given;
  const id = await imds.get("instance-id").catch(() => undefined);
  return id ?? hostname();
}
