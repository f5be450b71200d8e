/** What the scenarios need where one server serves and the others stand by. */
import { type Cluster, isServing } from "../cluster";
import { allReroutes, type Incident, type Scenario } from "./scenario";

/** Health checks of the former and of the next server, and what a busy machine adds. */
const SETTLED_LIMIT_MS = 120_000;

/** Resolves when one server serves again, another one than the victim, and all flows are with it. */
async function settled(cluster: Cluster, { victim }: Incident): Promise<void> {
  await cluster.until(
    ({ servers, failOpen }) => {
      const [one, ...more] = servers.filter(isServing);
      const isLast = one !== undefined && more.length === 0 && one.name !== victim?.name;
      return (
        isLast && failOpen.length === 0 && servers.every(({ name, flows }) => name === one.name || !flows)
      );
    },
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
