/** Which server the VPC's routes lead to, where a scenario is about it. */
import type { LabStatus, ServerStatus } from "../../lab/status";
import { type Cluster, isServing } from "../cluster";
import { NotMeasured } from "./samples";
import { type Incident, type Scenario, victimOf } from "./scenario";

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

/** A next hop that stays one for so long is settled: servers that have just started contend for it, and a call takes its time. */
const SETTLED_MS = 6000;

/** Resolves when the next hop has been the same for a while. */
async function settled(cluster: Cluster): Promise<LabStatus> {
  let since = performance.now();
  let last: string | undefined;
  return cluster.until(
    (status) => {
      const owner = ownerOf(status);
      if (owner !== last) since = performance.now();
      last = owner;
      return owner !== undefined && performance.now() - since >= SETTLED_MS;
    },
    "one next hop of the backend's zone that stays",
    OWNER_LIMIT_MS,
  );
}

/** Resolves with the next hop and the other servers, at least so many, when it has settled. */
export async function whoOwns(
  cluster: Cluster,
  wanted = 1,
): Promise<{ owner: string; others: readonly [string, ...string[]] }> {
  const status = await settled(cluster);
  const owner = ownerOf(status) ?? "";
  const [first, ...rest] = others(status, owner).map(({ name }) => name);
  if (first === undefined || rest.length + 1 < wanted)
    throw new NotMeasured(`the scenario needs ${wanted} servers besides the next hop ${owner}`);
  return { owner, others: [first, ...rest] };
}

/** Prepares a scenario that happens to the next hop, while the clients are on another server; at least so many others are needed. */
export function besideOwner(wanted = 1): NonNullable<Scenario["prepare"]> {
  return async (cluster) => {
    const { owner, others } = await whoOwns(cluster, wanted);
    return { victim: owner, carrier: others[0] };
  };
}

/** Does something to the next hop; resolves when another server is it. */
export async function untilReplaced(incident: Incident, fault: "crash" | "drain"): Promise<void> {
  const { name } = victimOf(incident);
  await incident.cluster.fault(fault, { server: name });
  await untilAnother(incident.cluster, name);
}

/** Resolves when another server than that one is the next hop. */
function untilAnother(cluster: Cluster, owner: string): Promise<LabStatus> {
  return cluster.until(
    (status) => ![undefined, owner].includes(ownerOf(status)),
    `another next hop than ${owner}`,
    OWNER_LIMIT_MS,
  );
}
