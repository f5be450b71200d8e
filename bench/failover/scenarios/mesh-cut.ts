import { setTimeout as pause } from "node:timers/promises";
import { isServing } from "../../cluster";
import { besideOwner } from "../owners";
import { NotMeasured } from "../samples";
import type { Incident, Scenario } from "../scenario";
import { carrierOf, victimOf } from "../scenario";
import { roamed } from "./roam";

const CUT_MS = 10_000;
/** Clients roam at any time of the cut, so that they are through before it ends. */
const SPREAD_MS = 8000;

/** The server that clients roam to: neither the next hop nor the one they are on. */
async function targetOf(incident: Incident): Promise<string> {
  const near = [victimOf(incident).name, carrierOf(incident).name];
  const target = (await incident.cluster.status()).servers.find(
    (server) => isServing(server) && !near.includes(server.name),
  );
  if (target === undefined) throw new NotMeasured("there is no third server to roam to");
  return target.name;
}

const cuts = new WeakMap<Incident, Promise<string>>();

/** Cuts the next hop off from that server's announcements, once; resolves with the server. */
function cut(incident: Incident): Promise<string> {
  const done = cuts.get(incident) ?? begin(incident);
  cuts.set(incident, done);
  return done;
}

async function begin(incident: Incident): Promise<string> {
  const target = await targetOf(incident);
  await incident.cluster.fault("mesh-cut", { server: victimOf(incident).name, other: target });
  return target;
}

/** Clients roam to a server that the next hop does not hear: only the shared storage tells it where they are. */
export const meshCut: Scenario = {
  what: "clients roam to a server whose announcements do not reach the VPC's next hop for 10 s",
  hits: "server",
  movedBy: "client",
  prepare: besideOwner(2),
  strike: async (incident) => {
    const target = await cut(incident);
    await pause(CUT_MS);
    await incident.cluster.fault("pair-heal", { server: victimOf(incident).name, other: target });
  },
  moves: async (incident, client) => {
    const wait = incident.random.between(0, SPREAD_MS);
    const target = await cut(incident);
    await pause(wait);
    return roamed(incident, client, target);
  },
};
