import { byFamily, type ConfigFile, INTERFACE, isDefaultRoute, type Profile, splitDns } from "./profile";

/** Packets of the tunnel itself carry this mark, so that a default route through the tunnel does not swallow them. */
const MARK = 51820;
/** The routing table of a tunnel that takes everything; the same number as wg-quick's. */
const TABLE = 51820;

/**
 * Two files for /etc/systemd/network (systemd.netdev(5), systemd.network(5)). Routes stand in the .network file: `RouteTable=`,
 * which derives them from AllowedIPs, came with systemd 250 only. A default route goes into a table of its own that everything
 * but the tunnel's own packets looks into, as wg-quick does it; routes of the main table except its default ones come first.
 */
export function renderNetworkd(profile: Profile): ConfigFile[] {
  return [
    { suffix: ".netdev", text: netdev(profile) },
    { suffix: ".network", text: network(profile) },
  ];
}

function netdev(profile: Profile): string {
  const all = profile.allowedIps.some(isDefaultRoute);
  return sections([
    [
      "NetDev",
      [`Name=${INTERFACE}`, "Kind=wireguard", `Description=${profile.name}`, `MTUBytes=${profile.mtu}`],
    ],
    ["WireGuard", [`PrivateKey=${profile.privateKey}`, ...(all ? [`FirewallMark=${MARK}`] : [])]],
    [
      "WireGuardPeer",
      [
        `PublicKey=${profile.serverPublicKey}`,
        ...(profile.presharedKey === undefined ? [] : [`PresharedKey=${profile.presharedKey}`]),
        `Endpoint=${profile.endpoint}`,
        ...profile.allowedIps.map((range) => `AllowedIPs=${range}`),
        `PersistentKeepalive=${profile.persistentKeepalive}`,
      ],
    ],
  ]);
}

function network(profile: Profile): string {
  const { servers, domains } = splitDns(profile.dns ?? []);
  const defaults = byFamily(profile.allowedIps.filter(isDefaultRoute));
  return sections([
    ["Match", [`Name=${INTERFACE}`]],
    [
      "Network",
      [
        ...profile.addresses.map((address) => `Address=${address}`),
        "IPv6AcceptRA=no", // nobody advertises anything in a tunnel, and networkd would call the link unfinished meanwhile
        ...servers.map((server) => `DNS=${server}`),
        // Without a domain of their own the servers are asked about everything: `~.` (systemd.network(5), Domains=).
        ...(servers.length > 0
          ? [`Domains=${[...domains, ...(domains.length === 0 ? ["~."] : [])].join(" ")}`]
          : []),
      ],
    ],
    ...profile.allowedIps.map(
      (range): Section => [
        "Route",
        [`Destination=${range}`, "Scope=link", ...(isDefaultRoute(range) ? [`Table=${TABLE}`] : [])],
      ],
    ),
    ...(["v4", "v6"] as const).flatMap((family) => (defaults[family].length === 0 ? [] : rules(family))),
  ]);
}

function rules(family: "v4" | "v6"): Section[] {
  const which = `Family=${family === "v4" ? "ipv4" : "ipv6"}`;
  return [
    ["RoutingPolicyRule", [which, "Table=main", "SuppressPrefixLength=0", "Priority=32764"]],
    [
      "RoutingPolicyRule",
      [which, `FirewallMark=${MARK}`, "InvertRule=yes", `Table=${TABLE}`, "Priority=32765"],
    ],
  ];
}

type Section = readonly [name: string, lines: readonly string[]];

function sections(all: readonly Section[]): string {
  return all.map(([name, lines]) => `[${name}]\n${lines.join("\n")}\n`).join("\n");
}
