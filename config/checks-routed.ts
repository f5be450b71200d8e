import { secondPort } from "../wireguard/generations";
import { OVERLAY } from "../wireguard/overlay";
import { type Check, check, NO_HOSTS, when } from "./check";
import { contains, overlaps } from "./cidr";
import type { SettingKey, Settings } from "./schema";

/**
 * Ranges that the internet does not route (RFC 1918, RFC 6598): packets with a tunnel's source may go there, and to the VPC, as they are.
 */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

/** Towards these clients keep their tunnel addresses; none with masquerading. */
export function routedPrefixesOf(
  settings: Pick<Settings, "addressing" | "routedPrefixes" | "vpcCidr">,
): string[] {
  if (settings.addressing !== "routed") return [];
  return settings.routedPrefixes.length > 0 ? settings.routedPrefixes : [settings.vpcCidr];
}

/** What clients reach when the stack does not say. */
export function defaultClientRoutes(
  settings: Pick<Settings, "vpcCidr" | "tunnelCidr" | "clientToClient">,
): string[] {
  return settings.clientToClient ? [settings.vpcCidr, settings.tunnelCidr] : [settings.vpcCidr];
}

/** What stands in the way of a routed prefix, completing "it must not ..."; undefined when nothing does. */
function hindrance(prefix: string, vpcCidr: string, tunnelCidr: string): string | undefined {
  if (overlaps(prefix, tunnelCidr)) return `overlap wgc:tunnelCidr ${tunnelCidr}`;
  if (NO_HOSTS.some((special) => overlaps(special, prefix))) return "contain addresses that no host can use";
  if (![vpcCidr, ...PRIVATE].some((range) => contains(range, prefix)))
    return `lie outside wgc:vpcCidr and the private ranges (${PRIVATE.join(", ")}): packets to the internet need a server's address`;
  return undefined;
}

const TAKEOVER = check(["takeover", "addressing", "topology"], ({ takeover, addressing, topology }) => {
  const users = [
    ...(addressing === "routed" ? ["wgc:addressing is routed"] : []),
    ...(topology === "active-passive" ? ["wgc:topology is active-passive"] : []),
  ];
  return when(!takeover && users.length > 0, {
    key: "takeover",
    problem: `must be true while ${users.join(" and ")}: servers must know who holds which client`,
    mend: "true",
  });
});

/** With one active server only its own zone would be served. */
const CROSS_ZONE = check(["topology", "crossZone"], ({ topology, crossZone }) =>
  when(topology === "active-passive" && !crossZone, {
    key: "crossZone",
    problem:
      "must be true while wgc:topology is active-passive: zones other than the active server's would drop their clients",
    mend: "true",
  }),
);

/** Settings that say nothing without routed addressing are refused there, so that nobody relies on one. */
const ONLY_ROUTED: readonly Check[] = (
  [
    ["routedPrefixes", '""'],
    ["backendPrefixes", '""'],
    ["clientToClient", "false"],
    ["routeTables", '""'],
  ] as const satisfies readonly (readonly [SettingKey, string])[]
).map(([key, mend]) =>
  check(["addressing", key], ({ addressing, [key]: value }) => {
    const given = Array.isArray(value) ? value.length > 0 : value;
    return when(addressing !== "routed" && given, {
      key,
      problem:
        "must not be set while wgc:addressing is masquerade: it says something about routed addressing only",
      mend,
    });
  }),
);

const PREFIXES: readonly Check[] = [
  check(
    ["addressing", "routedPrefixes", "vpcCidr", "tunnelCidr"],
    ({ addressing, routedPrefixes, vpcCidr, tunnelCidr }) => {
      const wrong = routedPrefixes.filter((prefix) => hindrance(prefix, vpcCidr, tunnelCidr) !== undefined);
      const others = routedPrefixes.filter((prefix) => !wrong.includes(prefix));
      const [first] = wrong;
      if (addressing !== "routed" || first === undefined) return [];
      return [
        {
          key: "routedPrefixes",
          problem: `must not ${hindrance(first, vpcCidr, tunnelCidr)} (${first})`,
          mend: (others.length > 0 ? others : [vpcCidr]).join(","),
        },
      ];
    },
  ),
  check(["addressing", "backendPrefixes", "routedPrefixes", "vpcCidr"], (settings) => {
    const routed = routedPrefixesOf(settings);
    const inside = (prefix: string) => routed.some((range) => contains(range, prefix));
    const wrong = settings.backendPrefixes.filter((prefix) => !inside(prefix));
    return when(settings.addressing === "routed" && wrong.length > 0, {
      key: "backendPrefixes",
      problem: `must lie inside wgc:routedPrefixes ${routed.join(",")} (${wrong.join(", ")} ${wrong.length === 1 ? "does" : "do"} not)`,
      mend: settings.backendPrefixes.filter(inside).join(",") || '""',
    });
  }),
];

/** Ports of a server that its firewall must tell apart. */
const PORTS: readonly Check[] = [
  check(["meshPort", "listenPort", "healthPort", "addressing"], (settings) => {
    const { listenPort, healthPort, meshPort } = settings;
    const taken = new Map([
      [listenPort, "wgc:listenPort"],
      [secondPort(listenPort), "the port after wgc:listenPort"],
      [healthPort, "wgc:healthPort"],
      [OVERLAY.port, "the overlay's port"],
    ]);
    return when(taken.has(meshPort), {
      key: "meshPort",
      problem: `must differ from ${taken.get(meshPort)} (${meshPort})`,
      mend: String([51830, 51840, 51850, 51860].find((port) => !taken.has(port)) ?? 51870),
    });
  }),
  check(["listenPort", "addressing"], ({ listenPort, addressing }) =>
    when(addressing === "routed" && [listenPort, secondPort(listenPort)].includes(OVERLAY.port), {
      key: "listenPort",
      problem: `and the port after it must differ from ${OVERLAY.port} while wgc:addressing is routed: that is the overlay's between servers`,
      mend: "51820",
    }),
  ),
];

/** Checks of routed addressing and of what servers need to talk to each other. */
export const ROUTED: readonly Check[] = [TAKEOVER, CROSS_ZONE, ...ONLY_ROUTED, ...PREFIXES, ...PORTS];

/** What is allowed with routed addressing but deserves a second look. */
export function routedWarnings(settings: Settings): readonly string[] {
  const { addressing, backendPrefixes, clientRoutes, clientToClient, routedPrefixes, tunnelCidr, vpcCidr } =
    settings;
  const reached = (range: string) => clientRoutes.some((route) => contains(route, range));
  const silent = backendPrefixes.filter((prefix) => !reached(prefix));
  const warnings: string[] = [];
  if (addressing === "routed" && !routedPrefixes.some((prefix) => contains(prefix, vpcCidr))) {
    warnings.push(
      `wgc:routedPrefixes ${routedPrefixes.join(",")} does not contain wgc:vpcCidr ${vpcCidr}: in the rest of the VPC clients have their server's address; ` +
        `pulumi config set wgc:routedPrefixes ${[vpcCidr, ...routedPrefixes.filter((prefix) => !contains(vpcCidr, prefix))].join(",")}`,
    );
  }
  if (silent.length > 0) {
    warnings.push(
      `wgc:backendPrefixes ${silent.join(",")} is outside wgc:clientRoutes: WireGuard drops at the client what comes from outside its routes; ` +
        `pulumi config set wgc:clientRoutes ${[...clientRoutes, ...silent].join(",")}`,
    );
  }
  if (clientToClient && !reached(tunnelCidr)) {
    warnings.push(
      `wgc:clientToClient lets clients reach each other, and wgc:clientRoutes has no way there; ` +
        `pulumi config set wgc:clientRoutes ${[...clientRoutes, tunnelCidr].join(",")}`,
    );
  }
  return warnings;
}
