import { besideOwner, untilReplaced } from "../owners";
import { type Scenario, unmoved, victimOf } from "../scenario";

/** The next hop changes while both servers live: the old one is drained, and hands the routes over. */
export const ownerDrain: Scenario = {
  what: "the VPC's next hop is drained and another server becomes it; the clients are on another server",
  hits: "server",
  movedBy: "balancer",
  prepare: besideOwner(),
  strike: (incident) => untilReplaced(incident, "drain"),
  moves: unmoved,
  mend: (incident) => incident.cluster.fault("undrain", { server: victimOf(incident).name }),
};
