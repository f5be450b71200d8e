/**
 * Long connections through the tunnel, for whoever wants to know whether they outlive an incident: one with an echo at intervals in each
 * direction, idle ones that are used once, and datagrams from the backend to the client.
 */
import type { ChildProcess } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import { probeHost } from "./addresses";
import type { Client } from "./client";
import { MONOTONIC_AT_ZERO } from "./clock";
import { type ConnectionRecord, ConnectionRecords, type ConnectionReport } from "./connection-record";
import type { Machine } from "./machine";
import type { LabModel } from "./model";
import { patient } from "./patience";
import { onLines } from "./process";

/** Port of guest/talk.ts on every machine that runs it. */
const TALK_PORT = 7007;
const INTERVAL_MS = 50;
const IDLE_COUNT = 20;
const OPEN_LIMIT_MS = patient(20_000);

export interface ConnectionsContext {
  readonly model: LabModel;
  /** Program that guest/talk.ts was bundled into. */
  readonly talkProgram: string;
  machine(name: string): Machine;
}

export class Connections {
  private readonly records = new ConnectionRecords(MONOTONIC_AT_ZERO);
  private readonly talkers = new Map<Machine, Promise<ChildProcess>>();
  /** How often each client's were opened: what a former connection still says is not taken for the present one's. */
  private readonly turns = new Map<string, number>();

  constructor(private readonly context: ConnectionsContext) {}

  /**
   * Opens a client's connections, in place of those it had; resolves when they stand. A backend opens some only where it sees clients'
   * own addresses.
   *
   * @throws UserError when one does not stand within the time limit
   */
  async open(client: Client): Promise<void> {
    await this.close(client);
    const { model } = this.context;
    const backend = this.context.machine(model.backends[0]?.name ?? "");
    const host = probeHost(model);
    this.turns.set(client.name, (this.turns.get(client.name) ?? 0) + 1);
    const [at, inside] = [this.suffix(client), client.tunnelAddress.split("/")[0] ?? ""];
    await this.talker(backend);
    await this.add(client.machine, `up${at}`, "tcp", "client", `${host} ${TALK_PORT} ${INTERVAL_MS}`);
    await this.add(client.machine, `idle${at}`, "idle", "client", `${host} ${TALK_PORT} ${IDLE_COUNT}`);
    if (model.routing.mode === "routed") {
      await this.add(backend, `down${at}`, "tcp", "backend", `${inside} ${TALK_PORT} ${INTERVAL_MS}`);
      await this.add(backend, `ping${at}`, "udp", "backend", `${inside} ${TALK_PORT} ${INTERVAL_MS}`);
    }
    const open = await this.until(client.name, (one) => one.isOpen, OPEN_LIMIT_MS);
    if (!open) {
      const missing = this.records.of(client.name).filter((one) => !one.isOpen);
      const why = missing.map((one) => `${one.name} (${one.report(0, 0).lost?.why ?? "no answer"})`);
      throw new UserError(`connections of ${client.name} did not open: ${why.join(", ")}`);
    }
  }

  private add(
    machine: Machine,
    name: string,
    kind: ConnectionRecord["kind"],
    by: ConnectionRecord["by"],
    rest: string,
  ): Promise<void> {
    const count = kind === "idle" ? IDLE_COUNT : 0;
    if (count === 0) this.records.add(name, kind, by);
    for (let n = 1; n <= count; n += 1) this.records.add(`${name}/${n}`, kind, by);
    return this.tell(machine, `${kind} ${name} ${rest}`);
  }

  /** Sends a line on each of the client's idle connections; resolves when all have answered or ended, or after the limit (ms). */
  async useIdle(client: Client, limit: number): Promise<void> {
    const began = performance.now();
    await this.tell(client.machine, `use idle${this.suffix(client)}`);
    await this.until(client.name, (one) => one.kind !== "idle" || one.hasSettled(began), limit);
  }

  /** Resolves with true when each connection but the idle ones gave an answer at that time (lab clock) or later, or has ended. */
  settled(client: Client, since: number, limit: number): Promise<boolean> {
    return this.until(client.name, (one) => one.kind === "idle" || one.hasSettled(since), limit);
  }

  /** What became of the client's connections in a time. */
  report(client: Client, from: number, to: number): ConnectionReport[] {
    return this.records.of(client.name).map((one) => one.report(from, to));
  }

  /** Ends the client's connections, without a word to anybody. */
  async close(client: Client): Promise<void> {
    const backend = this.context.machine(this.context.model.backends[0]?.name ?? "");
    for (const kind of ["up", "idle"]) await this.tell(client.machine, `close ${kind}${this.suffix(client)}`);
    for (const kind of ["down", "ping"]) await this.tell(backend, `close ${kind}${this.suffix(client)}`);
    this.records.forget(client.name);
  }

  private suffix({ name }: Client): string {
    return `.${this.turns.get(name) ?? 0}@${name}`;
  }

  private async tell(machine: Machine, line: string): Promise<void> {
    (await this.talker(machine)).stdin?.write(`${line}\n`);
  }

  /** The program in the machine, started when it does not run; resolves when it listens. */
  private talker(machine: Machine): Promise<ChildProcess> {
    const running = this.talkers.get(machine);
    if (running) return running;
    const starting = this.startTalker(machine);
    this.talkers.set(machine, starting);
    return starting;
  }

  private async startTalker(machine: Machine): Promise<ChildProcess> {
    copyFileSync(this.context.talkProgram, join(machine.disk, "lab", "talk.js"));
    const talker = machine.spawn(["node", "/lab/talk.js", String(TALK_PORT)]);
    talker.stdin?.on("error", () => {}); // the machine has ended, and the connections with it
    talker.once("close", () => this.talkers.delete(machine));
    const ready = new Promise<void>((resolve, reject) => {
      talker.once("close", () => reject(new Error(`guest/talk.ts ended on ${machine.name}`)));
      onLines(talker.stdout as NodeJS.ReadableStream, (line) =>
        line === "ready" ? resolve() : this.records.take(line),
      );
    });
    await ready;
    return talker;
  }

  private async until(
    client: string,
    fits: (one: ConnectionRecord) => boolean,
    limit: number,
  ): Promise<boolean> {
    const late = performance.now() + limit;
    for (;;) {
      if (this.records.of(client).every(fits)) return true;
      if (performance.now() > late) return false;
      await pause(20);
    }
  }
}
