import { allReroutes, type Scenario } from "../scenario";

/** All servers are replaced, one after the other; a client may have to move more than once. */
export const replace: Scenario = {
  what: "rolling replacement of all servers, each by a new one first",
  hits: "all",
  movedBy: "balancer",
  strike: ({ cluster }) => cluster.fault("replace"),
  moves: allReroutes,
};
