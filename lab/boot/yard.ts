/** Everything that booted servers stand in: AWS's services, the roles' keys, and the making of the servers themselves. */
import { join } from "node:path";
import { METADATA_ADDRESS } from "../addresses";
import type { Group, Log } from "../group";
import type { BootMetadata } from "../imds-tree";
import type { LifecycleHooks } from "../lifecycle-hooks";
import type { Site } from "../machine";
import type { LabModel } from "../model";
import { hardwareAddress, type Network } from "../network";
import { run } from "../process";
import { Server, type ServerPlace } from "../server";
import { type AwsCall, AwsServices } from "./aws-services";
import { CloudInitBoot } from "./cloud-init";
import { BootedMachine } from "./machine";
import type { BootModel } from "./model";
import { Moto } from "./moto";
import { credentialsDocument, newRoleKeys, type RoleKeys } from "./role-keys";

export interface YardContext {
  model: LabModel;
  boot: BootModel;
  site: Site;
  network: Network;
  hooks: LifecycleHooks;
  log: Log;
  /** Root file system, emulator, and folder of the lab in each hierarchy of control groups. */
  image: { tree: string; moto: string; cgroup: string };
  endpoint: string;
}

export class BootYard {
  /** What servers asked of AWS, in order. */
  readonly calls: AwsCall[] = [];
  private readonly keys = new Map<string, RoleKeys>();
  private services: AwsServices | undefined;
  private moto: Moto | undefined;

  constructor(private readonly context: YardContext) {}

  /** Starts AWS's services for the group's servers. The metadata service must run already. */
  async open(group: Pick<Group, "at">): Promise<void> {
    const { model, boot, site, image, hooks, log } = this.context;
    await limitHops(boot.hopLimit);
    this.moto = await Moto.start(image.moto, join(site.lab, "moto.log"), model.objects);
    this.services = await AwsServices.start({
      region: boot.region,
      autoScaling: (request) => hooks.answer(request),
      caller: (address) => {
        const instance = group.at(address)?.place.instance;
        return instance === undefined ? undefined : { instance, keys: this.keysOf(instance) };
      },
      onCall: (call) => this.calls.push(call),
    });
    log("AWS's services answer (moto, and a stand-in for Auto Scaling)");
  }

  /** A server that is off. */
  make(place: ServerPlace): Server {
    const { site, network, image, endpoint, log } = this.context;
    const { tree, cgroup } = image;
    const machine = new BootedMachine(place.name, { ...site, tree, cgroup, endpoint });
    const server = new Server(place, new CloudInitBoot(machine, () => this.metadata(place)), network);
    machine.onReboot = () => {
      if (server.state !== "running") return; // the lab asked for it, and sees to the rest
      log(`${place.name} reboots`);
      server.start().catch((error: unknown) => log(`${place.name} did not boot: ${error}`, "bad"));
    };
    return server;
  }

  private keysOf(instance: string): RoleKeys {
    const keys = this.keys.get(instance) ?? newRoleKeys(new Date());
    this.keys.set(instance, keys);
    return keys;
  }

  private metadata({ instance, address }: ServerPlace): BootMetadata {
    const { model, boot } = this.context;
    const { account, image, instanceType, role } = boot;
    return {
      ...{ userData: model.userData, address, hardwareAddress: hardwareAddress(address) },
      ...{ account, image, instanceType, role },
      credentials: credentialsDocument(this.keysOf(instance), new Date()),
    };
  }

  close(): void {
    this.services?.close();
    this.moto?.close();
  }
}

/** The metadata service's answers go so many hops: what the instance itself would have to pass on is lost. */
async function limitHops(hops: number): Promise<void> {
  const rules = [
    "table ip metadata_hops {",
    "  chain answers {",
    "    type filter hook output priority filter; policy accept;",
    `    ip saddr ${METADATA_ADDRESS} ip ttl set ${hops}`,
    "  }",
    "}",
  ];
  await run(["nft", "-f", "-"], { input: `${rules.join("\n")}\n` });
}
