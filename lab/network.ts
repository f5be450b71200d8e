/**
 * The lab's network: the lab's own namespace is the VPC's router, its internet gateway and the load balancer; every
 * subnet is a bridge in it, and so is the internet. Machines hang on these bridges by veth pairs.
 */
import { Address4 } from "ip-address";
import { balancerAddress, hostOf, hostWithPrefix, INTERNET, ROUTER_HOST } from "./addresses";
import type { Machine } from "./machine";
import type { LabModel } from "./model";
import { attempt, run } from "./process";
import { Ports } from "./vpc/ports";

/** A locally administered hardware address for an IPv4 address. */
export function hardwareAddress(address: string): string {
  const bytes = address.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0"));
  return ["02", "00", ...bytes].join(":");
}

/** Does nothing: the kernel loads connection tracking, and has its settings, from the first rule that asks for it. */
const LOAD_CONNTRACK = `
add table inet load_conntrack
add chain inet load_conntrack rules
add rule inet load_conntrack rules ct state new
delete table inet load_conntrack
`;

/** A VPC's router neither looks at where a packet should have come from nor sends redirects. */
const ROUTER_SETTINGS = ["all", "default"].flatMap((name) => [
  `net.ipv4.conf.${name}.rp_filter=0`,
  `net.ipv4.conf.${name}.send_redirects=0`,
]);

export class Network {
  private readonly bridges = new Map<string, string>();
  /** Machine → its end of the veth pair here; numbered, because interface names end at 15 characters. */
  private readonly cables = new Map<string, string>();

  private constructor(
    /** The VPC's side of its machines' cables. */
    readonly ports: Ports,
  ) {}

  /** Makes the bridges of all subnets that the model uses, and the router's settings. */
  static async create(model: LabModel): Promise<Network> {
    const network = new Network(new Ports(model.security.amongServers));
    await run(["nft", "-f", "-"], { input: LOAD_CONNTRACK });
    // An NLB keeps a UDP flow for 120 s without packets, in both directions:
    // https://docs.aws.amazon.com/elasticloadbalancing/latest/network/network-load-balancers.html#connection-idle-timeout
    await run([
      ...["sysctl", "-qw", "net.ipv4.ip_forward=1"],
      ...["net.netfilter.nf_conntrack_udp_timeout=120", "net.netfilter.nf_conntrack_udp_timeout_stream=120"],
      ...ROUTER_SETTINGS,
    ]);
    // Where the host has br_netfilter, what stays in a subnet would come by the router's rules too; elsewhere it does not.
    await attempt(["sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0"]);
    await run(["ip", "link", "set", "lo", "up"]);
    // What no route table has a route for vanishes: a VPC answers nothing.
    await run(["ip", "route", "add", "blackhole", "default"]);
    await network.bridge(INTERNET.cidr, INTERNET.bridge);
    for (const zone of model.zones) {
      await network.bridge(zone.serverCidr);
      await network.bridge(zone.balancerCidr);
      const node = `${balancerAddress(zone.balancerCidr)}/32`;
      await run(["ip", "address", "add", node, "dev", network.bridgeOf(zone.balancerCidr)]);
    }
    for (const { cidr } of model.backends) await network.bridge(cidr);
    return network;
  }

  private async bridge(cidr: string, name = `subnet${this.bridges.size}`): Promise<void> {
    if (this.bridges.has(cidr)) return;
    this.bridges.set(cidr, name);
    // Without an address of its own a bridge takes the lowest of its ports', which changes as machines come and go; the
    // others then send to the former one until their neighbour entries expire, half a minute later.
    const hardware = hardwareAddress(hostOf(cidr, ROUTER_HOST));
    await run(["ip", "link", "add", name, "address", hardware, "type", "bridge"]);
    await run(["ip", "address", "add", hostWithPrefix(cidr, ROUTER_HOST), "dev", name]);
    await run(["ip", "link", "set", name, "up"]);
  }

  /** The bridge of a subnet; undefined for one that the lab does not have. */
  bridgeIfAny(cidr: string): string | undefined {
    return this.bridges.get(cidr);
  }

  private bridgeOf(cidr: string): string {
    const name = this.bridges.get(cidr);
    if (!name) throw new Error(`no bridge for ${cidr}`);
    return name;
  }

  /**
   * A machine in the VPC. What is sent to one that is dead vanishes, as on AWS; without the fixed neighbour entry the router would
   * look for it and tell the sender after three seconds.
   */
  private async plug(port: string, cidr: string, address: string): Promise<void> {
    const neighbour = [address, "lladdr", hardwareAddress(address), "dev", this.bridgeOf(cidr)];
    await run(["ip", "neighbour", "replace", ...neighbour, "nud", "permanent"]);
    await this.ports.connect(port, address);
  }

  private portOf(machine: string): string {
    const port = this.cables.get(machine) ?? `port${this.cables.size}`;
    this.cables.set(machine, port);
    return port;
  }

  /** Gives the machine an eth0 in the subnet, with the router as its default gateway. */
  async attach(machine: Machine, cidr: string, address: string): Promise<void> {
    const port = this.portOf(machine.name);
    const prefix = new Address4(cidr).subnetMask;
    // The kernel takes a dead machine's namespace down a moment later, and its cable with it.
    await attempt(["ip", "link", "delete", port]);
    // The hardware address follows from the IP address, so that a machine that comes back is found at once.
    const hardware = hardwareAddress(address);
    const peer = ["peer", "name", "eth0", "address", hardware, "netns", String(machine.pid)];
    await run(["ip", "link", "add", port, "type", "veth", ...peer]);
    if (cidr !== INTERNET.cidr) await this.plug(port, cidr, address);
    await run(["ip", "link", "set", port, "master", this.bridgeOf(cidr), "up"]);
    await machine.run(["ip", "address", "add", `${address}/${prefix}`, "dev", "eth0"]);
    await machine.run(["ip", "link", "set", "eth0", "up"]);
    const gateway = hostWithPrefix(cidr, ROUTER_HOST).split("/")[0] ?? "";
    await machine.run(["ip", "route", "add", "default", "via", gateway]);
  }
}
