import { besideOwner, untilReplaced } from "../owners";
import { type Scenario, unmoved, victimOf } from "../scenario";

/** The next hop dies; the clients' own server is another one, and nothing of theirs is re-routed by the load balancer. */
export const crashOwner: Scenario = {
  what: "the plug of the VPC's next hop is pulled; the clients are on another server",
  hits: "server",
  movedBy: "balancer",
  prepare: besideOwner(),
  strike: (incident) => untilReplaced(incident, "crash"),
  moves: unmoved,
  mend: (incident) => incident.cluster.fault("start", { server: victimOf(incident).name }),
};
