/** Everything that booted servers stand in: AWS's services, the roles' keys, and the making of the servers themselves. */
import { join } from "node:path";
import { AWS_SERVICES, METADATA_ADDRESS } from "../addresses";
import type { Cloud } from "../cloud";
import type { Group, Log } from "../group";
import type { LifecycleHooks } from "../lifecycle-hooks";
import type { Site } from "../machine";
import type { LabModel } from "../model";
import type { Network } from "../network";
import { run } from "../process";
import { Server, type ServerPlace } from "../server";
import { type AwsCall, AwsServices } from "./aws-services";
import { CloudInitBoot } from "./cloud-init";
import { BootedMachine } from "./machine";
import type { BootModel } from "./model";
import { Moto } from "./moto";

export interface YardContext {
  model: LabModel;
  boot: BootModel;
  site: Site;
  network: Network;
  cloud: Cloud;
  hooks: LifecycleHooks;
  log: Log;
  /** Root file system, emulator, and folder of the lab in each hierarchy of control groups. */
  image: { tree: string; moto: string; cgroup: string };
}

export class BootYard {
  /** What servers asked of AWS, in order. */
  readonly calls: AwsCall[] = [];
  private services: AwsServices | undefined;
  private moto: Moto | undefined;

  constructor(private readonly context: YardContext) {}

  /** Starts AWS's services for the group's servers. The metadata service must run already. */
  async open(group: Pick<Group, "at">): Promise<void> {
    const { model, boot, site, image, hooks, cloud, log } = this.context;
    await limitHops(boot.hopLimit);
    this.moto = await Moto.start(image.moto, join(site.lab, "moto.log"), model.objects);
    this.services = await AwsServices.start({
      region: boot.region,
      autoScaling: (request) => hooks.answer(request),
      caller: (address) => {
        const instance = group.at(address)?.place.instance;
        return instance === undefined ? undefined : { instance, keys: cloud.keysOf(instance) };
      },
      onCall: (call) => this.calls.push(call),
    });
    log("AWS's services answer (moto, and a stand-in for Auto Scaling)");
  }

  /** A server that is off. */
  make(place: ServerPlace): Server {
    const { model, boot, site, network, cloud, image, log } = this.context;
    const { tree, cgroup } = image;
    const endpoint = `http://${AWS_SERVICES.address}:${AWS_SERVICES.port}`;
    const machine = new BootedMachine(place.name, { ...site, tree, cgroup, endpoint });
    const { account, image: ami, instanceType } = boot;
    const metadata = { userData: model.userData, account, image: ami, instanceType };
    const way = new CloudInitBoot(machine, () => metadata);
    const server = new Server(place, way, network, cloud.keysOf(place.instance));
    machine.onReboot = () => {
      if (server.state !== "running") return; // the lab asked for it, and sees to the rest
      log(`${place.name} reboots`);
      server.start().catch((error: unknown) => log(`${place.name} did not boot: ${error}`, "bad"));
    };
    return server;
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
