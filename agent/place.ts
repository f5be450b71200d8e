import type { Imds } from "./imds";
import type { Place } from "./mesh/cluster-link";

/**
 * Where this server is, as the instance metadata says; undefined on a machine that is no EC2 instance.
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
 */
export async function placeOf(imds: Pick<Imds, "get">): Promise<Place | undefined> {
  try {
    const address = await imds.get("local-ipv4");
    const zone = await imds.get("placement/availability-zone");
    if (address === undefined || zone === undefined) return undefined;
    const mac = await imds.get("mac");
    const interfaceId =
      mac === undefined ? undefined : await imds.get(`network/interfaces/macs/${mac}/interface-id`);
    return { address, zone, interfaceId };
  } catch {
    return undefined;
  }
}
