import { isClientAddress, isInside, probeAddress, serverAddress } from "../wireguard/addresses";
import { RegistryError } from "./errors";
import { type RegistryPaths, registryPaths } from "./layout";
import { readServerKeys } from "./reader";
import { readRotation } from "./rotation-files";
import { type ClusterFile, clientFileSchema, describeIssues } from "./schema";

/** The refusal of a field. */
export function refusal(
  path: string,
  field: string,
  problem: string,
  kind: "invalid" | "conflict" = "invalid",
): RegistryError {
  return new RegistryError(path, `${field} ${problem}`, kind, undefined, field);
}

/** Throws unless this can be a client's name. The name may be anything, also a way out of the folder: it is quoted and cut. */
export function assertName(paths: RegistryPaths, name: string): void {
  const parsed = clientFileSchema.shape.name.safeParse(name);
  if (parsed.success) return;
  const shown = JSON.stringify(String(name).slice(0, 80));
  throw new RegistryError(
    paths.clients,
    `${shown} ${describeIssues(parsed.error)}`,
    "invalid",
    undefined,
    "name",
  );
}

/**
 * What is wrong with a client's routes. A default route, or its two halves, is the wish for everything; any other one that has the
 * tunnel's own addresses in it would send what is for other clients or the servers' tunnel address a second way.
 */
export function routeProblem(routes: readonly string[], tunnel: string): [string, string] | undefined {
  for (const [index, route] of routes.entries()) {
    if (Number(route.split("/")[1]) > 1 && (isInside(route, tunnel) || isInside(tunnel, route)))
      return [`routes.${index}`, `${route} overlaps the cluster's tunnel range ${tunnel}`];
  }
  return undefined;
}

/** What is wrong with an address that somebody asks for; whether it is taken is another question. */
export function addressProblem(address: string, tunnel: string): string | undefined {
  const [ip = "", length] = address.split("/");
  if (length !== undefined && length !== "32") return `${address} is not an IPv4 address of ${tunnel}`;
  if (ip === serverAddress(tunnel).split("/")[0]) return `${ip} is the servers' own`;
  if (ip === probeAddress(tunnel)) return `${ip} is the servers' probe's`;
  return isClientAddress(tunnel, ip) ? undefined : `${ip} is outside of the clients' range in ${tunnel}`;
}

/** Tags that a client has at most. */
export const MOST_TAGS = 32;

/** Whether a time is over. */
export function isPast(time: string, now: Date): boolean {
  return Date.parse(time) <= now.getTime();
}

/** Why a public key cannot be a client's: it is the servers', now or soon. */
export async function serverKeyProblem(root: string, publicKey: string): Promise<string | undefined> {
  if (publicKey === (await readServerKeys(root)).publicKey) return "is the server's own";
  // By its public key: a private key that is damaged must not keep clients out.
  const next = (await readRotation(root))?.next.publicKey;
  return publicKey === next ? "is the server's next one" : undefined;
}

/** Throws for the values of a client that no client of this cluster may have. */
export function assertAllowed(
  root: string,
  cluster: ClusterFile,
  client: {
    readonly name: string;
    readonly routes?: readonly string[] | undefined;
    readonly expiresAt?: string | undefined;
  },
  now: Date,
): void {
  const path = registryPaths(root).client(client.name);
  const route = routeProblem(client.routes ?? [], cluster.tunnelIpv4);
  if (route !== undefined) throw refusal(path, ...route);
  if (client.expiresAt !== undefined && isPast(client.expiresAt, now))
    throw refusal(path, "expiresAt", "is in the past");
}
