import { isBurstable } from "./architecture";
import { CAPACITY_OPTIONS, usesSpot } from "./capacity-checks";
import { type Check, check, type Fault, NO_HOSTS, when } from "./check";
import { ROUTED, routedWarnings } from "./checks-routed";
import { EXISTING_VPC } from "./checks-vpc";
import { contains, overlaps, parseRange } from "./cidr";
import type { Settings } from "./schema";

/** The number of servers that a stack starts with. */
export function initialServers(settings: Pick<Settings, "desiredServers" | "minServers">): number {
  return settings.desiredServers === 0 ? settings.minServers : settings.desiredServers;
}

/** NLB health check interval (5 s, the shortest) times the unhealthy threshold (2, the lowest), in seconds. */
export const SECONDS_UNTIL_UNHEALTHY = 10;
/** AWS keeps 5 addresses of a subnet; a Network Load Balancer wants 8 free ones in each of its subnets. */
const RESERVED_ADDRESSES = 5 + 8;

const CAPACITY: readonly Check[] = [
  check(["minServers", "maxServers"], ({ minServers, maxServers }) =>
    when(minServers > maxServers, {
      key: "minServers",
      problem: `must not be above wgc:maxServers, which is ${maxServers}`,
      mend: String(maxServers),
    }),
  ),
  check(["minServers", "maxServers", "desiredServers"], (s) => {
    const low = s.desiredServers !== 0 && s.desiredServers < s.minServers;
    const high = s.desiredServers > s.maxServers;
    return when(s.minServers <= s.maxServers && (low || high), {
      key: "desiredServers",
      problem: `must lie between wgc:minServers (${s.minServers}) and wgc:maxServers (${s.maxServers})`,
      mend: String(low ? s.minServers : s.maxServers),
    });
  }),
  check(
    ["minServers", "availabilityZoneCount", "crossZone"],
    ({ minServers, availabilityZoneCount, crossZone }) =>
      when(!crossZone && minServers < availabilityZoneCount, {
        key: "minServers",
        problem:
          `must be at least wgc:availabilityZoneCount (${availabilityZoneCount}) while wgc:crossZone is false: ` +
          "a zone without a server drops its clients",
        mend: String(availabilityZoneCount),
      }),
  ),
  check(
    ["vpcId", "vpcCidr", "availabilityZoneCount", "maxServers", "warmPoolSize"],
    ({ vpcId, vpcCidr, availabilityZoneCount, maxServers, warmPoolSize }) => {
      // An existing VPC has the subnets that it has.
      if (vpcId !== "") return [];
      // A public subnet is a sixteenth of the VPC; a rolling replacement may run 1.5 times the servers for a while.
      const prefix = parseRange(vpcCidr)?.prefix ?? 32;
      const room = availabilityZoneCount * (2 ** (32 - prefix - 4) - RESERVED_ADDRESSES);
      const most = Math.ceil(maxServers * 1.5);
      const tooMany = when(most > room, {
        key: "maxServers",
        problem:
          `does not fit into the subnets of wgc:vpcCidr ${vpcCidr}: ${availabilityZoneCount} zones have room for ` +
          `${Math.max(0, room)} servers, and a rolling replacement runs half as many again`,
        mend: String(Math.max(2, Math.floor(room / 1.5))),
      });
      if (tooMany.length > 0) return tooMany;
      // A stopped instance keeps its private address (EC2 user guide, "Stop and start Amazon EC2 instances").
      return when(most + warmPoolSize > room, {
        key: "warmPoolSize",
        problem:
          `does not fit into the subnets of wgc:vpcCidr ${vpcCidr}: servers that wait have addresses too, of which ` +
          `wgc:maxServers (${maxServers}) and half as many again, as a rolling replacement runs, leave ${room - most}`,
        mend: String(room - most),
      });
    },
  ),
];

const unusable = (range: string): string | undefined => NO_HOSTS.find((special) => overlaps(special, range));

const usable = (key: "vpcCidr" | "tunnelCidr", mend: string): Check =>
  check([key], ({ [key]: range }) =>
    when(unusable(range) !== undefined, {
      key,
      problem: `must not overlap ${unusable(range)}, which no host can use`,
      mend,
    }),
  );

const ADDRESSES: readonly Check[] = [
  usable("vpcCidr", "10.0.0.0/16"),
  usable("tunnelCidr", "10.100.0.0/16"),
  check(["clientRoutes", "vpcCidr"], ({ clientRoutes, vpcCidr }) => {
    // 0.0.0.0/0 and its halves mean everything; the servers drop what is link-local whatever a client routes.
    const wrong = clientRoutes.filter((route) => NO_HOSTS.some((special) => contains(special, route)));
    const others = clientRoutes.filter((route) => !wrong.includes(route));
    return when(wrong.length > 0, {
      key: "clientRoutes",
      problem: `must not lie inside ranges that no host can use (${wrong.join(", ")})`,
      mend: (others.length > 0 ? others : [vpcCidr]).join(","),
    });
  }),
  check(["vpcCidr", "tunnelCidr"], ({ vpcCidr, tunnelCidr }) =>
    when(overlaps(vpcCidr, tunnelCidr), {
      key: "tunnelCidr",
      problem: `must not overlap wgc:vpcCidr ${vpcCidr}: servers could not tell clients from VPC addresses`,
      mend: ["10.100.0.0/16", "172.30.0.0/16"].find((free) => !overlaps(free, vpcCidr)) ?? "10.100.0.0/16",
    }),
  ),
  check(["clientRoutes", "tunnelCidr", "vpcCidr", "clientToClient"], (settings) => {
    const { clientRoutes, tunnelCidr, vpcCidr, clientToClient } = settings;
    const inside = clientToClient ? [] : clientRoutes.filter((route) => contains(tunnelCidr, route));
    const others = clientRoutes.filter((route) => !inside.includes(route));
    return when(inside.length > 0, {
      key: "clientRoutes",
      problem: `must not lie inside wgc:tunnelCidr ${tunnelCidr} (${inside.join(", ")}): clients do not reach each other`,
      mend: (others.length > 0 ? others : [vpcCidr]).join(","),
    });
  }),
];

const PLACEMENT: readonly Check[] = [
  check(["nodeSubnets", "natGateways", "vpcId"], ({ nodeSubnets, natGateways, vpcId }) =>
    when(nodeSubnets === "private" && natGateways === "none" && vpcId === "", {
      key: "natGateways",
      problem:
        "must be single or onePerAz while wgc:nodeSubnets is private: servers there have no other way to the internet",
      mend: "onePerAz",
    }),
  ),
  check(
    ["availabilityZones", "availabilityZoneCount"],
    ({ availabilityZones: names, availabilityZoneCount }) =>
      when(names.length > 0 && names.length !== availabilityZoneCount, {
        key: "availabilityZones",
        problem: `must name as many zones as wgc:availabilityZoneCount says (${availabilityZoneCount}), or be empty`,
        mend: '""',
      }),
  ),
  check(["listenPort", "healthPort"], ({ listenPort, healthPort }) =>
    when(listenPort === healthPort, {
      key: "healthPort",
      problem: "must differ from wgc:listenPort, so that a firewall rule for one cannot open the other",
      mend: listenPort === 8080 ? "8081" : "8080",
    }),
  ),
  check(["dnsName", "dnsZone"], ({ dnsName, dnsZone }) => {
    if (dnsName !== "" && dnsZone === "") {
      const mend = dnsName.split(".").slice(1).join(".");
      return [{ key: "dnsZone", problem: `must name the Route 53 zone of wgc:dnsName ${dnsName}`, mend }];
    }
    const belongs = dnsName === dnsZone || dnsName.endsWith(`.${dnsZone}`);
    return when(dnsZone !== "" && !belongs, {
      key: "dnsName",
      problem: `must end in .${dnsZone} (wgc:dnsZone)`,
      mend: `vpn.${dnsZone}`,
    });
  }),
];

const TIMES: readonly Check[] = [
  check(["scaleInCpuPercent", "scaleOutCpuPercent"], ({ scaleInCpuPercent: low, scaleOutCpuPercent: high }) =>
    when(low >= high, {
      key: "scaleInCpuPercent",
      problem: `must be below wgc:scaleOutCpuPercent (${high}), or the group would add and remove servers in turns`,
      mend: String(Math.max(1, Math.floor(high / 2))),
    }),
  ),
  check(
    ["scaleInNetworkMBps", "scaleOutNetworkMBps"],
    ({ scaleInNetworkMBps: low, scaleOutNetworkMBps: high }) =>
      when(low >= high, {
        key: "scaleInNetworkMBps",
        problem: `must be below wgc:scaleOutNetworkMBps (${high}), or the group would add and remove servers in turns`,
        mend: String(Math.max(1, Math.floor(high / 5))),
      }),
  ),
];

/** Checks settings against each other, as far as they were valid on their own. */
export function crossFaults(settings: Partial<Settings>): readonly Fault[] {
  const all = [
    ...CAPACITY,
    ...CAPACITY_OPTIONS,
    ...ADDRESSES,
    ...PLACEMENT,
    ...TIMES,
    ...ROUTED,
    ...EXISTING_VPC,
  ];
  const ready = all.filter(({ needs }) => needs.every((key) => settings[key] !== undefined));
  // Each check reads only the keys it needs, and those are there.
  return ready.flatMap(({ run }) => run(settings as Settings));
}

/** What is allowed but deserves a second look. */
export function warningsFor(settings: Settings): readonly string[] {
  const warnings: string[] = [];
  if (isBurstable(settings.instanceType)) {
    warnings.push(
      `wgc:instanceType ${settings.instanceType} runs on CPU credits: in unlimited mode (which this program sets) use above the baseline ` +
        "is billed on top, and its network bursts the same way; for production: pulumi config set wgc:instanceType c7g.medium",
    );
  }
  if (usesSpot(settings) && settings.extraInstanceTypes.length === 0) {
    warnings.push(
      `wgc:onDemandPercent ${settings.onDemandPercent} makes servers Spot instances of one type, which AWS takes back together when it runs ` +
        "short of it; name others: pulumi config set wgc:extraInstanceTypes TYPE,TYPE",
    );
  }
  if (settings.natGateways === "single" && settings.nodeSubnets === "private") {
    warnings.push(
      "wgc:natGateways single puts one zone's NAT gateway in everybody's way: when that zone fails, servers of the others lose the internet; " +
        "pulumi config set wgc:natGateways onePerAz",
    );
  }
  if (settings.natGateways !== "none" && settings.nodeSubnets === "public") {
    warnings.push(
      "wgc:natGateways costs money and no server uses them while wgc:nodeSubnets is public; pulumi config set wgc:natGateways none",
    );
  }
  if (settings.crossZone && settings.minServers < settings.availabilityZoneCount) {
    warnings.push(
      `wgc:minServers ${settings.minServers} leaves one of ${settings.availabilityZoneCount} zones without a server; its clients are served ` +
        "across zones, at $0.02 per GB",
    );
  }
  return [...warnings, ...routedWarnings(settings)];
}
