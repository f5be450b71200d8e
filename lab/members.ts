/** The lab's VPN clients and the operator who adds and revokes them: through the control function, as on AWS. */
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../config/errors";
import type { ControlClient } from "../control/client";
import type { Response } from "../control/protocol";
import { isClientName } from "../registry/layout";
import { renderClientConfig } from "../wireguard/config";
import { generateKeyPair } from "../wireguard/keys";
import { clientAddress, INTERNET, probeHost } from "./addresses";
import { askAgent } from "./agent-report";
import type { MovedFlow } from "./balancer/balancer";
import type { Flow } from "./balancer/flows";
import { Client } from "./client";
import type { Log } from "./group";
import { Machine, type Site } from "./machine";
import type { LabModel, LabZone } from "./model";
import type { NatKind } from "./nat";
import type { Network } from "./network";
import { patient } from "./patience";
import type { Server } from "./server";
import type { ClientStatus } from "./status";

/** How long a change may take to reach every server before the lab calls it an error. */
const APPLY_LIMIT_MS = patient(15_000);
const FIRST_ANSWER_LIMIT_MS = patient(20_000);

export interface MembersContext {
  model: LabModel;
  site: Site;
  network: Network;
  echoProgram: string;
  log: Log;
  /** Whether a machine of the lab has that name. */
  isTaken(name: string): boolean;
  /** Servers that run and can be reached now. */
  reachable(): Server[];
  /** The function that changes the registry. */
  control: ControlClient;
}

/** A client as the registry has it now. */
interface Enrolled {
  /** wg-quick file. */
  config: string;
  /** Revision that the change made. */
  revision: number;
  /** Host of the endpoint in the file. */
  host: string;
}

export class Members {
  readonly clients = new Map<string, Client>();
  private joined = 0;

  constructor(private readonly context: MembersContext) {}

  /**
   * The client of that name.
   *
   * @throws UserError that lists the clients there are.
   */
  client(name: string): Client {
    const client = this.clients.get(name);
    if (!client)
      throw new UserError(`no client '${name}'; there are: ${[...this.clients.keys()].join(", ") || "none"}`);
    return client;
  }

  /**
   * Adds a client and connects it; resolves with what it took, in milliseconds since the registry had it: `applied`
   * until every server that can be reached knows it, `firstAnswer` until the backend answered it.
   */
  async join(name: string, nat: NatKind = "strict"): Promise<{ applied: number; firstAnswer: number }> {
    this.checkName(name);
    const enrolled = await this.enrol(name);
    const client = await this.startMachine(name, nat);
    this.clients.set(name, client);
    try {
      return await this.connect(client, enrolled);
    } catch (error) {
      // Nothing half-made stays, so that the same name can be tried again.
      this.clients.delete(name);
      await client.machine.kill();
      await this.context.control.call("remove", { name });
      throw error;
    }
  }

  private async connect(
    client: Client,
    enrolled: Enrolled,
  ): Promise<{ applied: number; firstAnswer: number }> {
    const began = performance.now();
    await this.whenApplied(enrolled.revision);
    const applied = performance.now() - began;
    const hosts = `127.0.0.1 localhost\n${client.via} ${enrolled.host}\n`;
    const first = client.traffic.next(() => true, FIRST_ANSWER_LIMIT_MS);
    await client.connect(enrolled.config, hosts, probeHost(this.context.model));
    if (!(await first)) {
      const limit = `${FIRST_ANSWER_LIMIT_MS / 1000} s`;
      throw new UserError(
        `${client.name} got no answer from the backend within ${limit} (${client.problem})`,
      );
    }
    const firstAnswer = performance.now() - began;
    this.context.log(`${client.name} is connected ${Math.round(firstAnswer)} ms after it was added`, "good");
    return { applied, firstAnswer };
  }

  /** Revokes a client; resolves when every server that can be reached has removed it, with the milliseconds it took. */
  async revoke(name: string): Promise<{ applied: number }> {
    this.client(name);
    const { revision } = await this.context.control.call("revoke", { name });
    const began = performance.now();
    await this.whenApplied(revision);
    const applied = performance.now() - began;
    this.client(name).revoked = true;
    this.context.log(`${name} is revoked on every server after ${Math.round(applied)} ms`);
    return { applied };
  }

  /** Notes what somebody made of a client through the control function. */
  noteChange({ operation, result }: Extract<Response, { ok: true }>): void {
    if (operation !== "revoke" && operation !== "restore" && operation !== "remove") return;
    const [name, revoked] =
      "client" in result
        ? [result.client.name, result.client.state === "revoked"]
        : "name" in result
          ? [result.name, true]
          : ["", false];
    const client = this.clients.get(name);
    if (client) client.revoked = revoked;
  }

  /** Tells the clients that the load balancer took their flows from a server; a flow of a former mapping is nobody's. */
  noteReroutes(flows: readonly MovedFlow[]): void {
    for (const { client: address, port, at, began, target } of flows) {
      for (const client of this.clients.values()) {
        if (client.address === address && client.externalPort === port)
          client.reroutes.add({ at, began, from: target });
      }
    }
  }

  /**
   * What each client sees.
   *
   * @param servers names by address, to tell who carried the last answer
   * @param flows the load balancer's: a host that sees clients' own addresses cannot tell who carried their packets
   */
  status(servers: ReadonlyMap<string, string>, flows: readonly Flow[]): ClientStatus[] {
    const isRouted = this.context.model.routing.mode === "routed";
    return [...this.clients.values()].map((client) => {
      const { sent, received, last } = client.traffic.report();
      const own = flows.find((flow) => flow.client === client.address && flow.port === client.externalPort);
      const via = isRouted ? last && own?.target : last?.via;
      return {
        name: client.name,
        nat: client.nat,
        address: client.address,
        externalPort: client.externalPort,
        tunnelAddress: client.tunnelAddress,
        via: client.via,
        revoked: client.revoked,
        server: via === undefined ? undefined : servers.get(via),
        sent,
        received,
        rtt: last?.rtt,
        silent: last && performance.now() - last.at,
      };
    });
  }

  private checkName(name: string): void {
    if (!isClientName(name)) {
      const allowed = "lower-case letters, digits, '.', '_' and '-', at most 63, first a letter or digit";
      throw new UserError(`'${name}' is no client name: allowed are ${allowed}, as in: ./wgc lab join alice`);
    }
    if (this.context.isTaken(name))
      throw new UserError(`the lab has a machine '${name}' already; choose another name`);
  }

  private async startMachine(name: string, nat: NatKind): Promise<Client> {
    const { model, site, network, echoProgram } = this.context;
    const index = this.joined++;
    const address = clientAddress(index);
    const zone = model.zones[index % model.zones.length] as LabZone; // a DNS answer names the zones in turn
    const client = new Client(name, address, zone.publicIp, new Machine(name, site), nat);
    await client.machine.start();
    await network.attach(client.machine, INTERNET.cidr, address);
    await client.setRouter();
    copyFileSync(echoProgram, join(client.machine.disk, "lab", "echo.js"));
    return client;
  }

  /** Adds a client to the registry, with a key of its own making. */
  private async enrol(name: string): Promise<Enrolled> {
    const { control } = this.context;
    const pair = generateKeyPair();
    const { revision } = await control.call("add", { name, publicKey: pair.publicKey });
    const { config: view } = (await control.call("config", { name })).result;
    // Without its name servers: no machine of the lab has a resolver that wg-quick could set.
    const { name: _, publicKey: __, dns: ___, ...interfaceAndPeer } = view;
    const config = renderClientConfig({ ...interfaceAndPeer, privateKey: pair.privateKey });
    return { config, revision, host: view.endpoint.replace(/:\d+$/, "") };
  }

  /** Resolves when every server that can be reached reports at least this revision. */
  private async whenApplied(revision: number): Promise<void> {
    const late = performance.now() + APPLY_LIMIT_MS;
    for (;;) {
      const servers = this.context.reachable();
      const revisions = await Promise.all(servers.map((server) => this.appliedRevision(server)));
      const behind = servers.filter((_, index) => (revisions[index] ?? -1) < revision);
      if (behind.length === 0) return;
      if (performance.now() > late) {
        const names = behind.map((server) => server.name).join(", ");
        throw new UserError(
          `revision ${revision} was not applied by ${names} within ${APPLY_LIMIT_MS / 1000} s`,
        );
      }
      await pause(20);
    }
  }

  /** The revision that a server's agent says it applied; -1 when it does not answer. */
  private async appliedRevision(server: Server): Promise<number> {
    const report = await askAgent(server.place.address, this.context.model.targets.health);
    return report?.revision ?? -1;
  }
}
