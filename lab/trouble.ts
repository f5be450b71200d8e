/** Makes things go wrong in a lab, and ends them: see faults.ts for what each does. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { API_LATENCY_MS } from "./aws/trouble";
import type { Balancer } from "./balancer/balancer";
import type { Cloud } from "./cloud";
import type { Fault } from "./faults";
import type { Group, Log } from "./group";
import type { Machine, Site } from "./machine";
import type { LabModel } from "./model";
import type { Network } from "./network";
import type { Server } from "./server";
import type { Silence } from "./vpc/port-rules";

export interface TroubleContext {
  model: LabModel;
  site: Site;
  group: Group;
  balancer: Balancer;
  network: Network;
  cloud: Cloud;
  log: Log;
  /** The running machine of that name; says so when it does not run. */
  machine(name: string): Machine;
}

/**
 * INVARIANTS: a server's file system stands still exactly while everyone's does or the server itself is cut off,
 * whatever order the two come and go in.
 */
export class Trouble {
  /** Addresses whose packets vanish. */
  private readonly cut = new Set<string>();
  private silences: Silence[] = [];
  private hanging = false;

  constructor(private readonly context: TroubleContext) {}

  /** Whether no packet reaches or leaves the server. */
  isCut(server: Server): boolean {
    return this.cut.has(server.place.address);
  }

  /** Makes something go wrong, or ends it; resolves when it has happened. */
  async make(fault: Fault): Promise<void> {
    const { group, log, machine } = this.context;
    switch (fault.kind) {
      case "crash":
        machine(fault.server);
        await group.server(fault.server).crash();
        return log(`${fault.server} crashed`, "bad");
      case "blackhole":
        await this.setCut([group.server(fault.server).place.address], true);
        return log(`${fault.server} is a black hole`, "bad");
      case "heal":
        await this.setCut([group.server(fault.server).place.address], false);
        return log(`${fault.server} can be reached`, "good");
      case "stop":
        log(`${fault.server} is asked to stop and drains`);
        machine(fault.server);
        return group.server(fault.server).stop();
      case "start":
        await this.setCut([group.server(fault.server).place.address], false);
        return group.start(fault.server);
      case "reboot":
        machine(fault.server);
        return group.reboot(fault.server);
      case "drain":
        machine(fault.server);
        return group.drain(fault.server);
      case "undrain":
        machine(fault.server);
        return group.undrain(fault.server);
      case "spot":
        machine(fault.server);
        return group.reclaim(fault.server);
      case "scale":
        return group.scale(fault.capacity);
      case "replace":
        return group.replaceAll();
      case "efs-hang":
      case "efs-heal":
        return this.setHanging(fault.kind === "efs-hang");
      case "az-loss":
        await this.setCut(this.zoneAddresses(fault.zone), true);
        return log(`zone ${fault.zone} is lost`, "bad");
      case "az-heal":
        await this.setCut(this.zoneAddresses(fault.zone), false);
        return log(`zone ${fault.zone} is back`, "good");
      case "overlay-cut":
      case "mesh-cut":
        return this.silence(fault.kind, fault.server, fault.other);
      case "pair-heal":
        return this.hear(fault.server, fault.other);
      case "lead":
        await this.context.cloud.lead(group.server(fault.server).place.interface);
        return log(
          `somebody leads the tunnel's range in ${group.server(fault.server).place.zone} to ${fault.server}`,
        );
      case "api-throttle":
      case "api-error":
        this.context.cloud.setTrouble({ state: fault.kind === "api-error" ? "error" : "throttle" });
        return log(`the API ${fault.kind === "api-error" ? "fails" : "throttles"} every call`, "bad");
      case "api-slow":
        this.context.cloud.setTrouble({ latency: fault.seconds * 1000 });
        return log(`calls of the API take effect after ${fault.seconds} s`, "bad");
      case "api-heal":
        this.context.cloud.setTrouble({ state: "fine", latency: API_LATENCY_MS });
        return log("the API is fine", "good");
    }
  }

  /** Two servers no longer hear each other in one way; other ways and other servers are not touched. */
  private async silence(kind: "overlay-cut" | "mesh-cut", server: string, other: string): Promise<void> {
    const { model, network, log } = this.context;
    const port = kind === "overlay-cut" ? model.routing.overlayPort : model.routing.meshPort;
    if (port === undefined)
      throw new UserError(
        `servers of stack ${model.stack} have no ${kind === "overlay-cut" ? "overlay; set wgc:addressing to routed" : "mesh"}`,
      );
    this.silences.push({ between: this.pair(server, other), port });
    await network.ports.set({ silences: [...this.silences] });
    log(
      `${server} and ${other} lose each other's ${kind === "overlay-cut" ? "overlay" : "mesh"} packets`,
      "bad",
    );
  }

  private async hear(server: string, other: string): Promise<void> {
    const pair = this.pair(server, other);
    this.silences = this.silences.filter(
      ({ between }) => !between.every((address) => pair.includes(address)),
    );
    await this.context.network.ports.set({ silences: [...this.silences] });
    this.context.log(`${server} and ${other} hear each other again`, "good");
  }

  private pair(server: string, other: string): [string, string] {
    const { group } = this.context;
    return [group.server(server).place.address, group.server(other).place.address];
  }

  private async setCut(addresses: string[], cut: boolean): Promise<void> {
    for (const address of addresses) cut ? this.cut.add(address) : this.cut.delete(address);
    await this.context.balancer.setCut(addresses, cut);
    await this.context.network.ports.set({ cut: [...this.cut] }); // what stays in a subnet never comes to the router
    const servers = [...this.context.group.servers.values()];
    // Where the file system is a plain bind mount there is nothing to stop; the packets vanish all the same.
    for (const server of servers) {
      if (addresses.includes(server.place.address)) await this.signalStorage(server);
    }
  }

  private zoneAddresses(name: string): string[] {
    const { model, group } = this.context;
    const zone = model.zones.find((candidate) => candidate.name === name);
    if (!zone)
      throw new UserError(`no zone '${name}'; there are: ${model.zones.map((z) => z.name).join(", ")}`);
    const servers = [...group.servers.values()].filter((server) => server.place.zone === name);
    return [zone.publicIp, ...servers.map((server) => server.place.address)];
  }

  private async setHanging(hanging: boolean): Promise<void> {
    const { group, log, site } = this.context;
    const flag = join(site.lab, "efs", ".hangs"); // mount.efs looks for it: a server that starts meanwhile hangs as well
    this.hanging = hanging;
    if (!hanging) rmSync(flag, { force: true });
    for (const server of group.servers.values()) {
      if (server.machine.running && !(await this.signalStorage(server))) {
        this.hanging = false;
        throw new UserError(
          "this lab cannot make the file system hang: it needs the program bindfs and access to /dev/fuse; " +
            "get bindfs with './wgc setup', allow /dev/fuse with 'sudo chmod 666 /dev/fuse', then start the lab again",
        );
      }
    }
    if (hanging) writeFileSync(flag, "");
    log(`the shared file system ${hanging ? "hangs" : "answers again"}`, hanging ? "bad" : "good");
  }

  /** Stops or continues the processes that serve the file system to a server; returns whether there are any. */
  private async signalStorage(server: Server): Promise<boolean> {
    if (!server.machine.running) return false;
    const signal = this.hanging || this.isCut(server) ? "STOP" : "CONT";
    const { code } = await server.machine.attempt(["pkill", `-${signal}`, "-x", "bindfs"]);
    return code === 0;
  }
}
