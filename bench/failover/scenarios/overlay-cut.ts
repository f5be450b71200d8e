import { setTimeout as pause } from "node:timers/promises";
import { besideOwner } from "../owners";
import { carrierOf, type Scenario, unmoved, victimOf } from "../scenario";

const CUT_MS = 10_000;

/** The next hop and the clients' server lose each other's overlay packets for ten seconds; everything else works. */
export const overlayCut: Scenario = {
  what: "for 10 s no packet of a client comes from the VPC's next hop to the clients' server",
  hits: "server",
  movedBy: "balancer",
  prepare: besideOwner(),
  strike: async (incident) => {
    const pair = { server: victimOf(incident).name, other: carrierOf(incident).name };
    await incident.cluster.fault("overlay-cut", pair);
    await pause(CUT_MS);
    await incident.cluster.fault("pair-heal", pair);
  },
  moves: unmoved,
};
