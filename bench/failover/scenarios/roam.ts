import { setTimeout as pause } from "node:timers/promises";
import { NotMeasured } from "../samples";
import type { Incident, Scenario } from "../scenario";
import type { Move } from "../types";

/** Lets a client roam. @param to name of the server to lead to; any other where it does not matter */
export async function roamed({ cluster }: Incident, client: string, to?: string): Promise<Move[]> {
  const params = { name: client, ...(to === undefined ? {} : { to }) };
  const { at, from } = await cluster.call<{ at: number; from: string }>("roam", params);
  const { servers } = await cluster.status();
  const address = servers.find(({ name }) => name === from)?.address;
  if (address === undefined) throw new NotMeasured(`${client} came from ${from}, which is no server`);
  return [{ at, from: address }];
}

/** Clients roam within so long, each by itself: shorter than any idle client waits yet before its request. */
const SPREAD_MS = 4000;

/** A client's router forgets its mapping; from its new port the load balancer's hash leads to another server. */
export const roam: Scenario = {
  what: "a client's router changes its mapping, and the new one leads to another server",
  hits: "all",
  movedBy: "client",
  strike: async () => undefined,
  moves: async (incident, client) => {
    await pause(incident.random.between(0, SPREAD_MS));
    return roamed(incident, client);
  },
};
