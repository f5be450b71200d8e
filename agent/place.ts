import { backoff } from "./backoff";
import type { Clock } from "./clock";
import type { Imds } from "./imds";
import { type Log, messageOf } from "./log";
import type { Place } from "./mesh/cluster-link";

const RETRY_MS = { first: 500, longest: 15_000 } as const;

/**
 * Where this server is, as the instance metadata says; asked for until it is known, however long that takes: a service that does not
 * answer at the moment of the start must not leave a server alone for good.
 */
export async function findPlace(
  imds: Pick<Imds, "get">,
  clock: Pick<Clock, "after">,
  log: Log,
): Promise<Place> {
  for (let failures = 0; ; failures++) {
    try {
      return await placeOf(imds);
    } catch (error) {
      if (failures === 0)
        log.warn({ problem: messageOf(error) }, "this server's place among the others is not known yet");
      await new Promise<void>((resolve) => clock.after(backoff(RETRY_MS, failures), resolve));
    }
  }
}

/** https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html */
async function placeOf(imds: Pick<Imds, "get">): Promise<Place> {
  const address = await imds.get("local-ipv4");
  const zone = await imds.get("placement/availability-zone");
  if (address === undefined || zone === undefined)
    throw new Error("the instance metadata names no address and zone");
  const mac = await imds.get("mac");
  const interfaceId =
    mac === undefined ? undefined : await imds.get(`network/interfaces/macs/${mac}/interface-id`);
  return { address, zone, interfaceId };
}
