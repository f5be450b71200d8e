import { AwsError } from "../../../agent/aws/query";
import type { AgentConfig } from "../../../agent/config";
import { ClusterLink } from "../../../agent/mesh/cluster-link";
import type { MeshLine } from "../../../agent/mesh/line";
import type { MemberState } from "../../../agent/mesh/message";
import type { NodeFile } from "../../../registry/schema";
import { FakeClock, offBy } from "../fake-clock";
import { CONFIG, key, silent } from "../fixtures";
import { Kernel } from "./kernel";
import { Stoppable } from "./stoppable";

export const ROUTED: Partial<AgentConfig> = {
  addressing: "routed",
  routed: {
    overlayPort: 4790,
    prefixes: ["10.0.0.0/16"],
    clientToClient: false,
    routeTables: [
      { id: "rtb-0000000a", zone: "a" },
      { id: "rtb-0000000b", zone: "b" },
    ],
  },
};
export const PASSIVE: Partial<AgentConfig> = { ...ROUTED, topology: "active-passive" };
export const ALICE = key(9);
/** Servers that start together read each other's records, listen to each other for a while, and make their calls. */
export const START_MS = 16_000;

/** The record of a server on the shared storage. @param time when it was written, by that server's clock */
export const recordOf = (instance: string, address: string, time: number): NodeFile => ({
  ...{ schema: 1, instance, revision: 1, peers: 0, healthy: true, version: "1", address },
  time: new Date(time).toISOString(),
});

/** A cluster of servers, one network and one VPC. */
export class World {
  readonly clock = new FakeClock();
  readonly ears = new Map<string, (datagram: Buffer, from: string) => void>();
  readonly cut = new Set<string>();
  readonly vpc = new Map<string, string>([
    ["rtb-0000000a", "eni-0"],
    ["rtb-0000000b", "eni-0"],
  ]);
  readonly stored: NodeFile[] = [];
  /** Servers whose shared storage does not answer. */
  readonly without = new Set<string>();
  /** What each server's firewall was told last. */
  private readonly firewalls = new Map<string, string>();
  private readonly meshKey = Buffer.alloc(32, 3).toString("base64");

  /**
   * @param place.interfaceId undefined where the metadata does not say it
   * @param place.off how far its wall clock is off
   */
  server(
    number: number,
    zone: string,
    config: Partial<AgentConfig>,
    {
      recordAfter = 0,
      off = { ms: 0 },
      ...place
    }: { recordAfter?: number; off?: { ms: number }; interfaceId?: string | undefined } = {},
  ) {
    const clock = new Stoppable(offBy(this.clock, off));
    const [instance, address] = [`i-${number}`, `10.0.0.${number}`];
    /** Holders that asked this server to call clients of theirs. */
    const asked: string[] = [];
    const unheard = { times: 0 };
    const tools: { nft: string[]; ip: string[] } = { nft: [], ip: [] };
    const kernel = new Kernel();
    const state: {
      is: MemberState;
      holder: string | undefined;
      isOutOfTouch: boolean;
      /** The client's, as the registry has them. */
      addresses: string[];
      /** How long EC2 takes. */
      ec2Ms: number;
    } = {
      ...{ is: "ready", holder: undefined, isOutOfTouch: false },
      ...{ addresses: ["10.100.0.2/32"], ec2Ms: 1500 },
    };
    const answers: Record<string, () => unknown> = {
      meshKey: () => this.meshKey,
      readNodes: () => this.stored,
    };
    // Written again and again, as long as the agent runs.
    const record = () => {
      const rest = this.stored.filter((other) => other.instance !== instance);
      this.stored.splice(0, Infinity, ...rest, recordOf(instance, address, clock.now()));
      this.clock.after(10_000, () => this.ears.has(address) && record());
    };
    if (recordAfter === 0) record();
    else this.clock.after(recordAfter, record);
    const link = new ClusterLink({
      config: { ...CONFIG, ...config },
      instance,
      place: { address, zone, interfaceId: `eni-${number}`, ...place },
      clock,
      log: silent,
      storage: {
        request: async (operation: string) => {
          if (this.without.has(address)) throw new Error("the storage hangs");
          return answers[operation]?.();
        },
      } as never,
      exec: (file, args, { stdin }) => {
        if (file === "nft") {
          tools.nft.push(stdin ?? "");
          this.firewalls.set(address, stdin ?? "");
        }
        if (file === "ip" && args.includes("-batch")) tools.ip.push(stdin ?? "");
        return file === "ip" ? kernel.ip(args, stdin) : Promise.resolve("");
      },
      line: this.line(address, clock),
      ec2: async (action, { RouteTableId, NetworkInterfaceId }) => {
        await new Promise<void>((done) => this.clock.after(state.ec2Ms, done));
        if (this.cut.has(address)) throw new AwsError(action, "Unreachable", "no way to EC2", undefined);
        if (action === "DescribeRouteTables") return this.describe(String((RouteTableId as string[])[0]));
        if (action === "ReplaceRoute") this.vpc.set(String(RouteTableId), String(NetworkInterfaceId));
        return "";
      },
      state: () => state.is,
      outOfTouch: () => state.isOutOfTouch,
      holder: () => state.holder,
      peer: (publicKey) => ({ publicKey, allowedIps: state.addresses, presharedKey: undefined }),
      connected: () => [ALICE],
      onSessions: () => {},
      onHandOver: (holder) => asked.push(holder),
      onUnheard: () => unheard.times++,
    });
    link.start();
    if (!this.without.has(address)) link.onDirectoryRead();
    return { link, tools, state, kernel, clock, asked, unheard };
  }

  private describe(id: string): string {
    const range = `<destinationCidrBlock>${CONFIG.tunnelIpv4}</destinationCidrBlock>`;
    return `<item>${range}<networkInterfaceId>${this.vpc.get(id)}</networkInterfaceId></item>`;
  }

  private line(own: string, clock: Stoppable): MeshLine {
    return {
      problem: undefined,
      send: (datagram, to) => {
        const isMember = new RegExp(`[ ,]${own}[ ,]`).test(this.firewalls.get(to) ?? "");
        if (isMember && !this.cut.has(own) && !this.cut.has(to)) this.ears.get(to)?.(datagram, own);
      },
      onDatagram: (take) => this.ears.set(own, (datagram, from) => clock.run(() => take(datagram, from))),
      close: () => this.ears.delete(own),
    };
  }

  get routes() {
    return [this.vpc.get("rtb-0000000a"), this.vpc.get("rtb-0000000b")];
  }
}
