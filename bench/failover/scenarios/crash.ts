import { firstReroute, type Scenario, victimOf } from "../scenario";

/** The plug is pulled. */
export const crash: Scenario = {
  what: "a server's plug is pulled; the load balancer's checks must notice",
  hits: "server",
  movedBy: "balancer",
  strike: (incident) => incident.cluster.fault("crash", { server: victimOf(incident).name }),
  moves: firstReroute,
  mend: (incident) => incident.cluster.fault("start", { server: victimOf(incident).name }),
};
