/** A server that boots beside a registry which is full already, and what it says of the clients that it applies. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { LabStatus } from "../../lab/status";
import type { Cluster, Workshop } from "../cluster";

/** 10.100.0.0/16 has room for 65,000 clients only. */
export const TUNNEL = "10.64.0.0/10";
export const FRESH = "s2";
/** MaxPeers of wireguard-go (device/constants.go), less the server's own probe; the kernel takes 2^20. */
const MOST_OF_WIREGUARD_GO = 65_000;
const APPLY_LIMIT_MS = 300_000;

/** One report of changed peers. */
export interface PeersChanged {
  readonly time: string;
  readonly msg: string;
  readonly peers: number;
  readonly seconds: number;
}

/** The agent's reports of changed peers, from its log. Pure. */
export function peersChanged(log: string): PeersChanged[] {
  return log.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    const entry = JSON.parse(line) as PeersChanged;
    return entry.msg === "peers changed" ? [entry] : [];
  });
}

export class FreshServer {
  /** Whether a program that keeps peers in a file takes the place of `wg`: wireguard-go has no room for very many. */
  readonly standIn: boolean;

  /** In a cluster of one server. */
  constructor(
    private readonly workshop: Workshop,
    readonly cluster: Cluster,
    wireguard: string,
    clients: number,
  ) {
    this.standIn = wireguard === "wireguard-go" && clients > MOST_OF_WIREGUARD_GO;
  }

  /** Runs a program of bench/ in the lab's own namespaces; resolves with what it printed. */
  script(path: string, ...args: (string | number)[]): Promise<string> {
    const { project } = this.workshop;
    const node = [process.execPath, "--import", join(project, "node_modules/tsx/dist/loader.mjs")];
    return this.cluster.inside([...node, join(project, "bench", path), ...args.map(String)]);
  }

  /** Puts a file where the machine sees it as `/lab/NAME`. */
  async give(file: string, name: string): Promise<void> {
    const target = `/run/lab/disks/${FRESH}/lab/${name}`;
    await this.cluster.inside([
      ...["sh", "-c", 'mkdir -p "$(dirname "$1")" && cp "$2" "$1"', "sh"],
      ...[target, file],
    ]);
  }

  /** Fills the registry beside no server at all, then lets the group launch one. */
  async boot(count: number): Promise<void> {
    await this.cluster.fault("crash", { server: "s1" }); // it would apply the clients too, on the same processor
    await this.script("apply/registry-filler.ts", "fill", count);
    if (this.standIn) await this.give(join(this.workshop.project, "bench/apply/wg-stand-in"), "bin/wg");
    const launching = this.cluster.fault("scale", { capacity: 2 });
    // No packet passes through a stand-in, so this server never says that it is ready to serve; it applies clients all the same.
    if (!this.standIn) return void (await launching);
    launching.catch(() => undefined);
    const runs = ({ servers }: LabStatus): boolean =>
      servers.some(({ name, state }) => name === FRESH && state === "running");
    await this.cluster.until(runs, `${FRESH} to run`, APPLY_LIMIT_MS);
  }

  async reports(): Promise<PeersChanged[]> {
    return peersChanged(
      await this.cluster.sh(FRESH, "grep '\"peers changed\"' /var/log/units/wgc-agent.service.log || :"),
    );
  }

  /** Resolves with the report that says so, when all clients are applied. */
  async applied(count: number): Promise<PeersChanged> {
    const late = performance.now() + APPLY_LIMIT_MS;
    for (;;) {
      const done = (await this.reports()).find(({ peers }) => peers >= count);
      if (done) return done;
      if (performance.now() > late) throw new Error(`${count} clients were not applied in time`);
      await pause(500);
    }
  }
}
