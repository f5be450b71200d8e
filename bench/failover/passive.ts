/** What the scenarios need where one server serves and the others stand by. */
import { type Cluster, soleServer } from "../cluster";
import { allReroutes, type Incident, type Scenario } from "./scenario";

/** Health checks of the former and of the next server, and what a busy machine adds. */
const SETTLED_LIMIT_MS = 120_000;

/** Resolves when one server serves again, another one than the victim, and all flows are with it. */
async function settled(cluster: Cluster, { victim }: Incident): Promise<void> {
  await cluster.until(
    ({ servers, failOpen }) =>
      ![undefined, victim?.name].includes(soleServer(servers)?.name) && failOpen.length === 0,
    "another server to have all flows",
    SETTLED_LIMIT_MS,
  );
}

/**
 * The scenario, until one server has all flows: while the load balancer finds none healthy, or two of them, it may lead a client elsewhere
 * more than once.
 */
export function untilOneServes(scenario: Scenario): Scenario {
  return {
    ...scenario,
    strike: async (incident) => {
      await scenario.strike(incident);
      await settled(incident.cluster, incident);
    },
    moves: allReroutes,
  };
}
