import { NotMeasured } from "../samples";
import type { Scenario } from "../scenario";

/** A client's router forgets its mapping; from its new port the load balancer's hash leads to another server. */
export const roam: Scenario = {
  what: "a client's router changes its mapping, and the new one leads to another server",
  hits: "all",
  movedBy: "client",
  strike: async () => undefined,
  moves: async ({ cluster }, client) => {
    const { at, from } = await cluster.call<{ at: number; from: string }>("roam", { name: client });
    const { servers } = await cluster.status();
    const address = servers.find(({ name }) => name === from)?.address;
    if (address === undefined) throw new NotMeasured(`${client} came from ${from}, which is no server`);
    return [{ at, from: address }];
  },
};
