/** The VPC's router: makes the kernel do what the VPC says. */

import type { LabModel } from "../model";
import type { Network } from "../network";
import { run } from "../process";
import { renderGatewayRules } from "./gateway-rules";
import { type KernelRoutes, kernelRoutes, routeChanges, subnetRules } from "./kernel-routes";
import type { Vpc } from "./vpc";

export class VpcRouter {
  private loaded: KernelRoutes = new Map();
  private applying: Promise<void> = Promise.resolve();

  private constructor(
    private readonly model: LabModel,
    private readonly vpc: Vpc,
    private readonly network: Network,
  ) {}

  /** Lets each subnet be led by its own route table. */
  static async start(model: LabModel, vpc: Vpc, network: Network): Promise<VpcRouter> {
    await batch(subnetRules(vpc.allTables(), (subnet) => network.bridgeIfAny(subnet)));
    const router = new VpcRouter(model, vpc, network);
    await router.apply();
    return router;
  }

  /** Resolves when the kernel does what the VPC says now; calls run one after the other. */
  apply(): Promise<void> {
    const turn = this.applying.then(() => this.load());
    this.applying = turn.catch(() => undefined);
    return turn;
  }

  private async load(): Promise<void> {
    const interfaces = this.vpc.allInterfaces();
    const servers = interfaces.map(({ address }) => address);
    const { vpc, routing, security, allowedFromBalancer } = this.model;
    const ranges = { vpcCidr: vpc.cidr, tunnelCidr: routing.tunnelCidr };
    await run(["nft", "-f", "-"], {
      input: renderGatewayRules({ ...ranges, servers, security, allowedFromBalancer }),
    });
    await this.network.ports.set({
      servers,
      unchecked: interfaces.filter((one) => !one.sourceDestCheck).map(({ address }) => address),
    });
    const wanted = kernelRoutes(this.vpc, (subnet) => this.network.bridgeIfAny(subnet));
    await batch(routeChanges(this.loaded, wanted));
    this.loaded = wanted;
  }
}

async function batch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await run(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
}
