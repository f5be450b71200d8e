import { whoOwns } from "../owners";
import { firstReroute, type Scenario, victimOf } from "../scenario";

/** The server with the clients dies; the VPC's routes lead to another one all the time. */
export const crashHolder: Scenario = {
  what: "the plug of the clients' server is pulled; the VPC's routes lead to another one",
  hits: "server",
  movedBy: "balancer",
  prepare: async (cluster) => {
    const { others } = await whoOwns(cluster);
    return { victim: others[0], carrier: others[0] };
  },
  strike: (incident) => incident.cluster.fault("crash", { server: victimOf(incident).name }),
  moves: firstReroute,
  mend: (incident) => incident.cluster.fault("start", { server: victimOf(incident).name }),
};
