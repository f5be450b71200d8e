/** What a server holds: memory, file descriptors, nft set elements and processes; and what of it would be a leak. */

import { familyOf, mib, parseProcesses } from "../apply/processes";
import type { Cluster } from "../cluster";

export interface Vitals {
  /** Processes that are older than 5 s: tools that run for a moment do not count. */
  readonly processes: number;
  /** Dead processes that nobody waited for. */
  readonly zombies: number;
  /** Open files of the agent and its children. */
  readonly agent_fds: number;
  readonly agent_rss_mib: number;
  readonly wireguard_rss_mib: number;
  /** Elements of all sets of the sessions' table, and those among them that never expire. */
  readonly set_elements: number;
  readonly set_elements_forever: number;
}

/**
 * How much more than in the first look is no leak:
 * - agent memory: V8 lets its heap grow before it collects, by tens of megabytes, and gives little back;
 * - wireguard-go keeps buffers of 64 KiB for packets that were under way at once (its pools are not bounded by default);
 * - files: a health check, a scrape and a look of ours each hold a socket for a moment;
 * - processes: up to four killed storage workers may wait for a file system that hangs (docs/architecture.md);
 * - set elements: WireGuard calls a peer at most every 5 s (whitepaper, section 6.1), an index is kept for 200 s in two sets: at
 *   most 80 for each client, when a server does nothing but call all of them.
 */
export const ALLOWANCE = {
  agent_rss_mib: 96,
  wireguard_rss_mib: 96,
  agent_fds: 12,
  processes: 4,
  zombies: 0,
  set_elements_per_client: 80,
} as const;

const SCRIPT = `main=$(cat /run/units/wgc-agent.service.main 2>/dev/null || echo 0)
echo "main $main"
echo "uptime $(cut -d' ' -f1 /proc/uptime)"
for p in /proc/[0-9]*; do
  stat=$(cat $p/stat 2>/dev/null) || continue
  echo "$stat|$(sed -n 's/^Vm\\(RSS\\|HWM\\):[^0-9]*\\([0-9]*\\).*/\\1=\\2/p' $p/status 2>/dev/null | tr '\\n' ' ')"
  echo "fds \${p#/proc/} $(ls $p/fd 2>/dev/null | wc -l)"
done
nft -j list table inet wgc_sessions 2>/dev/null | sed 's/^/nft /' || :`;

interface NftElement {
  elem?: { expires?: number };
}
interface NftListing {
  nftables?: { set?: { elem?: NftElement[] } }[];
}

/** Counts the elements of all sets in what `nft -j` printed; those without an expiry are counted twice over. Pure. */
function countElements(json: string): { all: number; forever: number } {
  const listing = json === "" ? {} : (JSON.parse(json) as NftListing);
  const elements = (listing.nftables ?? []).flatMap(({ set }) => set?.elem ?? []);
  return {
    all: elements.length,
    forever: elements.filter((item) => item.elem?.expires === undefined).length,
  };
}

const OLD_S = 5;

/** Reads what the script printed. Pure. */
export function parseVitals(text: string): Vitals {
  const all = parseProcesses(text);
  const textOf = (key: string): string => new RegExp(`^${key} (.*)$`, "m").exec(text)?.[1] ?? "";
  const uptime = Number(textOf("uptime"));
  const fds = new Map(
    [...text.matchAll(/^fds (\d+) (\d+)$/gm)].map(([, pid, count]) => [Number(pid), Number(count)]),
  );
  const agent = familyOf(Number(textOf("main")), all);
  const elements = countElements(textOf("nft"));
  const isOld = ({ startTicks }: { startTicks: number }): boolean => uptime - startTicks / 100 > OLD_S;
  const dead = new Set([...text.matchAll(/^(\d+) \(.*\) Z /gm)].map(([, pid]) => Number(pid)));
  const wireguard = all.find(({ name }) => name === "wireguard-go");
  return {
    processes: all.filter((process) => isOld(process) && !dead.has(process.pid)).length,
    zombies: all.filter((process) => isOld(process) && dead.has(process.pid)).length,
    agent_fds: agent.reduce((sum, { pid }) => sum + (fds.get(pid) ?? 0), 0),
    agent_rss_mib: mib(agent.reduce((sum, { rss_kib }) => sum + rss_kib, 0)),
    wireguard_rss_mib: mib(wireguard?.rss_kib ?? 0),
    set_elements: elements.all,
    set_elements_forever: elements.forever,
  };
}

/** Looks at a server. */
export async function vitals(cluster: Cluster, server: string): Promise<Vitals> {
  return parseVitals(await cluster.sh(server, SCRIPT));
}

/** What has leaked between the first and the last look. Pure. @param clients that there ever were */
export function leaks(server: string, first: Vitals, last: Vitals, clients: number): string[] {
  const grown = (
    key: "agent_rss_mib" | "wireguard_rss_mib" | "agent_fds" | "processes" | "zombies",
  ): string[] =>
    last[key] > first[key] + ALLOWANCE[key]
      ? [`${server}: ${key} grew from ${first[key]} to ${last[key]}, allowed are ${ALLOWANCE[key]} more`]
      : [];
  const most = ALLOWANCE.set_elements_per_client * clients;
  return [
    ...grown("agent_rss_mib"),
    ...grown("wireguard_rss_mib"),
    ...grown("agent_fds"),
    ...grown("processes"),
    ...grown("zombies"),
    ...(last.set_elements > most
      ? [`${server}: ${last.set_elements} elements in nft sets, allowed are ${most} for ${clients} clients`]
      : []),
    ...(last.set_elements_forever > 0
      ? [`${server}: ${last.set_elements_forever} elements in nft sets never expire`]
      : []),
  ];
}
