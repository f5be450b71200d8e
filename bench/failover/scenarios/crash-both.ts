import { whoOwns } from "../owners";
import { firstReroute, type Scenario, victimOf } from "../scenario";

/** One server is both, and dies: the load balancer must notice, and another server must lead the routes to itself. */
export const crashBoth: Scenario = {
  what: "the plug of the clients' server is pulled, which is the VPC's next hop too",
  hits: "server",
  movedBy: "balancer",
  prepare: async (cluster) => {
    const { owner } = await whoOwns(cluster);
    return { victim: owner, carrier: owner };
  },
  strike: (incident) => incident.cluster.fault("crash", { server: victimOf(incident).name }),
  moves: firstReroute,
  mend: (incident) => incident.cluster.fault("start", { server: victimOf(incident).name }),
};
