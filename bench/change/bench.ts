/**
 * What an operator waits for: a client is added, and passes packets through every server; a client is revoked, and passes none any
 * more. All of it while others talk, who must not notice.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Results } from "../../control/answers";
import type { Input, Operation, Response } from "../../control/protocol";
import { runPlan } from "../../plan";
import { generateKeyPair } from "../../wireguard/keys";
import { Cluster, type Workshop } from "../cluster";
import { type Spread, spread } from "../statistics";
import { withGroup } from "../variant";
import { HandshakeWatch, type OthersResult, othersResult } from "./others";

export interface ChangeOptions {
  readonly runs: number;
  /** Clients in the registry besides those that talk. */
  readonly clients: number;
  readonly servers: number;
  readonly stack: string;
}

export interface ChangeResult {
  readonly clients: number;
  readonly servers: number;
  readonly runs: number;
  /** From the call of `add` until every server said that it has the client. */
  readonly add_applied_ms: Spread;
  /** From the call of `add` until the first answer; the client begins when every server has it. */
  readonly add_first_packet_ms: Spread;
  /** From the call of `add` until an answer has come back through each of the servers, to which the client is led one after the other. */
  readonly add_every_server_ms: Spread;
  /** From the call of `revoke` until every server said that it has let the client go. */
  readonly revoke_applied_ms: Spread;
  /** From the call of `revoke` until the last answer that the client got, which sent 100 requests a second; 0: none came after the call. */
  readonly revoke_last_packet_ms: Spread;
  readonly others: OthersResult;
}

const NEWCOMER = "newcomer";
/** The newcomer's tunnel address, each time: only the key is new. The last of the range are never reached by the others. */
const ADDRESS = "10.100.200.1/32";
const KEY_FILE = "/run/newcomer.key";
const PER_SERVER = 2;
/** Requests of the newcomer: as dense as a busy client's. */
const PACE_MS = 10;
const LIMIT_MS = 20_000;
/** So long nothing must come after a revocation before the last answer is called the last. */
const SILENCE_MS = 1000;

class ChangeBench {
  constructor(
    private readonly cluster: Cluster,
    private readonly servers: readonly string[],
  ) {}

  async call<O extends Operation>(
    operation: O,
    input: Input<O>,
  ): Promise<{ revision: number; result: Results[O] }> {
    const request = { version: 1, operation, input };
    const answer = await this.cluster.call<Response<O>>("control", request);
    if (!answer.ok) throw new Error(`${operation}: ${answer.error.message}`);
    return answer;
  }

  /** Fills the registry with clients that never connect. */
  async fill(count: number): Promise<void> {
    for (let first = 0; first < count; first += 1000) {
      const clients = Array.from({ length: Math.min(1000, count - first) }, (_, index) => {
        const number = first + index;
        return {
          name: `filler-${number}`,
          publicKey: generateKeyPair().publicKey,
          addresses: [`10.100.${100 + (number >> 8)}.${number & 255}/32`],
        };
      });
      await this.call("import", { clients, dryRun: false });
    }
  }

  /** Resolves when every server has applied a revision. */
  async applied(revision: number): Promise<void> {
    const late = performance.now() + LIMIT_MS;
    for (;;) {
      const { nodes } = (await this.call("status", {})).result;
      if (nodes.length >= this.servers.length && nodes.every((node) => node.revision >= revision)) return;
      if (performance.now() > late)
        throw new Error(`not every server applied revision ${revision} in ${LIMIT_MS / 1000} s`);
      await pause(10);
    }
  }

  /** A new key in the newcomer's machine; the private one never leaves it. */
  private newKey(): Promise<string> {
    return this.cluster.sh(NEWCOMER, `umask 077; wg genkey >${KEY_FILE}; wg pubkey <${KEY_FILE}`);
  }

  private now(): Promise<number> {
    return this.cluster.now();
  }

  /** Leads a client to a server, unless it is there. */
  private async lead(name: string, to: string): Promise<void> {
    const { clients } = await this.cluster.status();
    if (clients.find((client) => client.name === name)?.server !== to)
      await this.cluster.call("roam", { name, to });
  }

  /** Resolves with the time of the first answer that came through a server (any where none is given) after a moment. */
  private async answerFrom(address: string | undefined, since: number): Promise<number> {
    const late = performance.now() + LIMIT_MS;
    for (;;) {
      const { answers } = await this.cluster.traffic(NEWCOMER, since, Number.MAX_SAFE_INTEGER);
      const first = answers.find(({ via }) => address === undefined || via === address);
      if (first) return first.at;
      if (performance.now() > late)
        throw new Error(`no answer came through ${address ?? "any server"} in ${LIMIT_MS / 1000} s`);
      await pause(10);
    }
  }

  async add(name: string): Promise<{ applied: number; packet: number; everywhere: number }> {
    const publicKey = await this.newKey();
    const began = await this.now();
    const { revision } = await this.call("add", { name, publicKey, address: ADDRESS });
    await this.applied(revision);
    const applied = (await this.now()) - began;
    await this.cluster.sh(NEWCOMER, `wg set wg0 private-key ${KEY_FILE}`);
    await this.cluster.pace([NEWCOMER], PACE_MS);
    const answered = await this.answerFrom(undefined, began);
    let last = answered;
    const { servers, clients } = await this.cluster.status();
    const first = clients.find((client) => client.name === NEWCOMER)?.server;
    for (const { name: server, address } of servers.filter((each) => each.name !== first)) {
      const moved = await this.now();
      await this.lead(NEWCOMER, server);
      last = await this.answerFrom(address, moved);
    }
    return { applied, packet: answered - began, everywhere: last - began };
  }

  async revoke(name: string): Promise<{ applied: number; packet: number }> {
    const began = await this.now();
    const { revision } = await this.call("revoke", { name });
    await this.applied(revision);
    const applied = (await this.now()) - began;
    let last = await this.lastAnswer(began);
    for (;;) {
      await pause(SILENCE_MS);
      const again = await this.lastAnswer(began);
      if (again === last) break;
      last = again;
    }
    await this.cluster.pace([NEWCOMER], 0);
    await this.call("remove", { name });
    return { applied, packet: last };
  }

  private async lastAnswer(since: number): Promise<number> {
    const { answers } = await this.cluster.traffic(NEWCOMER, since, Number.MAX_SAFE_INTEGER);
    const last = answers.at(-1);
    return last === undefined ? 0 : last.at - since;
  }

  /** Two clients on each server, which talk all the time. */
  async others(): Promise<string[]> {
    const names: string[] = [];
    for (const server of this.servers) {
      for (let index = 0; index < PER_SERVER; index += 1) {
        const name = `${server}-${index + 1}`;
        await this.cluster.join(name);
        await this.lead(name, server);
        names.push(name);
      }
    }
    return names;
  }
}

/** Adds and revokes a client so many times. */
export async function benchChange(
  workshop: Workshop,
  { runs, clients, servers, stack }: ChangeOptions,
): Promise<{ result: ChangeResult; wireguard: string }> {
  const planned = await runPlan({ projectDir: workshop.project, stack, mode: "resolved" });
  const plan = withGroup(planned, { minSize: servers, desiredCapacity: servers });
  const cluster = await Cluster.open(workshop, `bench-${process.pid}`, plan);
  try {
    const status = await cluster.status();
    const bench = new ChangeBench(
      cluster,
      status.servers.map(({ name }) => name),
    );
    await bench.fill(clients);
    const others = await bench.others();
    await cluster.call("join", { name: NEWCOMER });
    await cluster.pace([NEWCOMER], 0);
    await bench.call("remove", { name: NEWCOMER });
    // The new address first: an interface without any loses its routes.
    await cluster.sh(
      NEWCOMER,
      `old=$(ip -4 -o address show dev wg0 | awk '{ print $4 }'); ip address add ${ADDRESS} dev wg0; ip address delete "$old" dev wg0`,
    );
    await cluster.pace(others, PACE_MS);
    await pause(3000);
    const began = await cluster.now();
    const watch = new HandshakeWatch(cluster, others);
    const added = { applied: [] as number[], packet: [] as number[], everywhere: [] as number[] };
    const revoked = { applied: [] as number[], packet: [] as number[] };
    let extra = 0;
    try {
      for (let run = 1; run <= runs; run += 1) {
        const add = await bench.add(`run-${run}`);
        const revoke = await bench.revoke(`run-${run}`);
        added.applied.push(add.applied);
        added.packet.push(add.packet);
        added.everywhere.push(add.everywhere);
        revoked.applied.push(revoke.applied);
        revoked.packet.push(revoke.packet);
        const [a, b] = [Math.round(add.everywhere), Math.round(revoke.packet)];
        workshop.say(
          `run ${run} of ${runs}: through every server ${a} ms after add, last packet ${b} ms after revoke`,
        );
      }
    } finally {
      extra = await watch.stop();
    }
    const ended = await cluster.now();
    return {
      result: {
        clients,
        servers,
        runs,
        add_applied_ms: spread(added.applied),
        add_first_packet_ms: spread(added.packet),
        add_every_server_ms: spread(added.everywhere),
        revoke_applied_ms: spread(revoked.applied),
        revoke_last_packet_ms: spread(revoked.packet),
        others: await othersResult(cluster, others, began, ended, extra),
      },
      wireguard: status.wireguard,
    };
  } finally {
    await cluster.close();
  }
}
