import type { ClientFile } from "./schema";
import type { NewClient } from "./writer";

/** What can be asked of a client when it is added; what is not said is no wish. */
type Wishes = Omit<NewClient, "name" | "publicKey">;

/**
 * Fields in which a client that is there is not as somebody asks for it now. Such a wish is never dropped in silence: who adds a
 * client with an end of its access must not believe that it has one.
 */
export function otherWishes(there: ClientFile, wishes: Wishes): string[] {
  const { presharedKey, address, routes, dns, expiresAt, tags = {} } = wishes;
  const differs: Readonly<Record<keyof Wishes, boolean>> = {
    presharedKey: presharedKey !== undefined && presharedKey !== there.presharedKey,
    address: address !== undefined && !there.addresses.includes(address),
    routes: routes !== undefined && JSON.stringify(routes) !== JSON.stringify(there.routes),
    dns: dns !== undefined && JSON.stringify(dns) !== JSON.stringify(there.dns),
    expiresAt: expiresAt !== undefined && Date.parse(expiresAt) !== Date.parse(there.expiresAt ?? ""),
    tags: Object.entries(tags).some(([key, value]) => there.tags[key] !== value),
  };
  return Object.entries(differs).flatMap(([field, other]) => (other ? field : []));
}
