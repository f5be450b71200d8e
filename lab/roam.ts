/** NAT rebinding: a client's router forgets its mapping, and the client's packets come from another port. */

import { UserError } from "../config/errors";
import type { Balancer } from "./balancer/balancer";
import { FlowWatch } from "./balancer/flows";
import type { Client } from "./client";
import { patient } from "./patience";

/** What a rebinding did; times are of the lab's clock (performance.now()). */
export interface Roamed {
  /** When the router had its new mapping. */
  rebound: number;
  /** When the load balancer routed the first packet that came from it. */
  at: number;
  /** The servers that carried the client before, and that its packets go to now: addresses. */
  from: string;
  to: string;
  /** The new external port. */
  port: number;
  /** Mappings that it took until the load balancer chose another server. */
  tries: number;
}

/** A silent client sends a keepalive every 25 s, so a packet comes within that time. */
const FIRST_PACKET_LIMIT_MS = patient(40_000);
const TRIES = 5;
const PORTS_TO_LOOK_AT = 2000;

/**
 * Gives the client's router a new mapping that the load balancer hashes to another server than before; resolves when
 * the first packet went there. The port is chosen by what the hash would do; the flow table has the last word.
 *
 * @param to address of the server that it shall be, when that matters
 * @throws UserError when the client has no router or no flow, or there is no other server.
 */
export async function roam(client: Client, balancer: Balancer, to?: string): Promise<Roamed> {
  if (client.nat === "public") {
    throw new UserError(
      `${client.name} has a public address and no router that could forget a mapping; ` +
        "use a client that joined with --nat strict or full-cone",
    );
  }
  const before = (await balancer.flows()).find(
    (flow) => flow.client === client.address && flow.port === client.externalPort,
  );
  if (!before) throw new UserError(`the load balancer has no flow of ${client.name}; is it connected?`);
  const watch = await FlowWatch.of(client.address);
  try {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const port = choosePort(client, balancer, before.target, to);
      const first = watch.next(port, FIRST_PACKET_LIMIT_MS);
      const rebound = await client.rebind(port);
      const seen = await first;
      if (!seen) throw new Error(`${client.name} sent nothing within ${FIRST_PACKET_LIMIT_MS / 1000} s`);
      const { flow, at } = seen;
      if (flow.target !== before.target && (to === undefined || flow.target === to))
        return { rebound, at, from: before.target, to: flow.target, port, tries };
    }
  } finally {
    watch.close();
  }
  throw new Error(`${TRIES} mappings of ${client.name} all led to ${before.target}`);
}

function choosePort(client: Client, balancer: Balancer, not: string, to: string | undefined): number {
  for (let port = client.externalPort + 1; port <= client.externalPort + PORTS_TO_LOOK_AT; port += 1) {
    const target = balancer.choice(client.address, port, client.via);
    if (target !== undefined && target !== not && (to === undefined || target === to)) return port;
  }
  throw new UserError("there is no other server that the load balancer could send the client to");
}
