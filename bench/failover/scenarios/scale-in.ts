import { firstReroute, type Scenario } from "../scenario";

/** The group becomes smaller by the newest server, which first gets clients for that. */
export const scaleIn: Scenario = {
  what: "the group takes its newest server out: deregistered, drained, ended",
  hits: "server",
  movedBy: "balancer",
  prepare: async (cluster) => {
    const { group } = await cluster.status();
    await cluster.fault("scale", { capacity: group.desired + 1 });
    const { servers } = await cluster.whole();
    const newest = servers.at(-1);
    if (!newest) throw new Error("the group has no servers");
    return { victim: newest.name, carrier: newest.name };
  },
  strike: async ({ cluster }) => {
    const { group } = await cluster.status();
    return cluster.fault("scale", { capacity: group.desired - 1 });
  },
  moves: firstReroute,
};
