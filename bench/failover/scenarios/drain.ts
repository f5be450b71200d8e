import { firstReroute, type Scenario, victimOf } from "../scenario";

/** An operator drains a server. */
export const drain: Scenario = {
  what: "an operator drains a server, which serves on until its flows have moved",
  hits: "server",
  movedBy: "balancer",
  strike: (incident) => incident.cluster.fault("drain", { server: victimOf(incident).name }),
  moves: firstReroute,
  mend: (incident) => incident.cluster.fault("undrain", { server: victimOf(incident).name }),
};
