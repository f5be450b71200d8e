import { firstReroute, type Scenario, victimOf } from "../scenario";

/** The server lives on, but nothing reaches or leaves it; afterwards it comes back with the sessions it had. */
export const blackhole: Scenario = {
  what: "no packet reaches or leaves a server, which runs on and comes back",
  hits: "server",
  movedBy: "balancer",
  strike: (incident) => incident.cluster.fault("blackhole", { server: victimOf(incident).name }),
  moves: firstReroute,
  mend: (incident) => incident.cluster.fault("heal", { server: victimOf(incident).name }),
};
