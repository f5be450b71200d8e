/** Which server the VPC's routes lead to, where a scenario is about it. */
import type { LabStatus, ServerStatus } from "../../lab/status";
import { type Cluster, isServing } from "../cluster";
import { NotMeasured } from "./samples";

const OWNER_LIMIT_MS = 60_000;

/** The server that leads packets of the clients' backend to the tunnel: its zone's next hop. Pure. */
export function ownerOf({ routes, backends }: LabStatus): string | undefined {
  const zone = backends[0]?.zone;
  const owners = new Set(routes.filter((route) => route.zone === zone).map(({ server }) => server));
  const [owner] = owners;
  return owners.size === 1 && owner != null ? owner : undefined;
}

/** Servers in service that are no next hop of the clients' backend; those that are none of any zone first. Pure. */
export function others(status: LabStatus, owner: string): ServerStatus[] {
  const isNextHop = ({ name }: ServerStatus): number =>
    Number(status.routes.some(({ server }) => server === name));
  return status.servers
    .filter((server) => isServing(server) && server.name !== owner)
    .sort((a, b) => isNextHop(a) - isNextHop(b));
}

/** Resolves with the next hop and the other servers when there is one, and two others at least where that matters. */
export async function whoOwns(
  cluster: Cluster,
  wanted = 1,
): Promise<{ owner: string; others: readonly [string, ...string[]] }> {
  const status = await cluster.until(
    (now) => ownerOf(now) !== undefined,
    "one next hop of the backend's zone",
    OWNER_LIMIT_MS,
  );
  const owner = ownerOf(status) ?? "";
  const [first, ...rest] = others(status, owner).map(({ name }) => name);
  if (first === undefined || rest.length + 1 < wanted)
    throw new NotMeasured(`the scenario needs ${wanted} servers besides the next hop ${owner}`);
  return { owner, others: [first, ...rest] };
}

/** Resolves when another server than that one is the next hop. */
export function untilAnother(cluster: Cluster, owner: string): Promise<LabStatus> {
  return cluster.until(
    (status) => ![undefined, owner].includes(ownerOf(status)),
    `another next hop than ${owner}`,
    OWNER_LIMIT_MS,
  );
}
