/** A VPN client of the lab: a machine with an unchanged wg-quick, its config file, and a probe that keeps talking. */
import type { ChildProcess } from "node:child_process";
import { parseConfig } from "../wireguard/config";
import type { Machine } from "./machine";
import { onLines } from "./process";
import { TrafficRecord } from "./traffic";

export const ECHO_PORT = 7;
const PROBE_INTERVAL_MS = 100;

const STRICT_FILTER = `table inet door {
  chain input { type filter hook input priority filter; policy drop
    iifname { "lo", "wg0" } accept
    ct state established,related accept
  }
}
`;

export class Client {
  readonly traffic = new TrafficRecord();
  /** Address inside the tunnel; empty until it connected. */
  tunnelAddress = "";
  /** Error output of the client's programs, for when something does not work. */
  problem = "";
  connected = false;
  /** Whether the operator revoked it; its machine goes on trying. */
  revoked = false;
  private probe: ChildProcess | undefined;

  constructor(
    readonly name: string,
    /** Address on the lab's internet. */
    readonly address: string,
    /** The load balancer's address that this client's DNS answer named. */
    readonly via: string,
    readonly machine: Machine,
  ) {}

  /**
   * Puts the client behind what most clients are behind: a router that lets in only what answers the client's own
   * packets (address- and port-dependent filtering, RFC 4787 section 5). A server that sends from an address of its own
   * does not reach it.
   */
  async closeDoor(): Promise<void> {
    await this.machine.run(["nft", "-f", "-"], { input: STRICT_FILTER });
  }

  /**
   * Brings the tunnel up with the stock wg-quick, and starts the probe towards a host behind the servers.
   *
   * @param config wg-quick file
   * @param hosts lines of /etc/hosts: the load balancer's name and the address that its DNS gave this client
   */
  async connect(config: string, hosts: string, probeHost: string): Promise<void> {
    this.tunnelAddress = parseConfig(config).interface.addresses.join(", ");
    await this.machine.write("/etc/hosts", hosts);
    await this.machine.write("/etc/wireguard/wg0.conf", config, "0600");
    await this.machine.run(["wg-quick", "up", "wg0"]);
    const node = ["node", "/lab/echo.js", "probe", probeHost, String(ECHO_PORT), String(PROBE_INTERVAL_MS)];
    this.probe = this.machine.spawn(node);
    onLines(this.probe.stdout as NodeJS.ReadableStream, (line) => this.traffic.take(line, performance.now()));
    onLines(this.probe.stderr as NodeJS.ReadableStream, (line) => {
      this.problem = line;
    });
    this.connected = true;
  }

  /** Takes the tunnel down, as a person does who closes the laptop. */
  async disconnect(): Promise<void> {
    this.connected = false;
    this.probe?.kill();
    await this.machine.attempt(["wg-quick", "down", "wg0"]);
    await this.machine.kill();
  }
}
