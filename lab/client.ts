/** A VPN client of the lab: a machine with an unchanged wg-quick, its config file, and a probe that keeps talking. */
import type { ChildProcess } from "node:child_process";
import { parseConfig } from "../wireguard/config";
import { MONOTONIC_AT_ZERO } from "./clock";
import { History } from "./history";
import type { Machine } from "./machine";
import { type NatKind, renderRouter } from "./nat";
import { onLines } from "./process";
import { TrafficRecord } from "./traffic";

export const ECHO_PORT = 7;
const PROBE_INTERVAL_MS = 100;

/** Where the external ports of the clients' routers start. */
const FIRST_EXTERNAL_PORT = 20_000;

/** The load balancer took the client's flow from a server: its next packet goes to another. */
export interface Reroute {
  /** Time right after the flow was forgotten, on the lab's clock (performance.now()). */
  at: number;
  /** Time right before: in between, the flow was moved. */
  began: number;
  /** Address of the server that the flow went to until then. */
  from: string;
}

export class Client {
  readonly traffic = new TrafficRecord(MONOTONIC_AT_ZERO);
  /** Address inside the tunnel; empty until it connected. */
  tunnelAddress = "";
  /** Error output of the client's programs, for when something does not work. */
  problem = "";
  connected = false;
  /** Whether the operator revoked it; its machine goes on trying. */
  revoked = false;
  readonly reroutes = new History<Reroute>();
  /** Port that its packets come from on the internet; of a client without a router it is WireGuard's own. */
  externalPort = FIRST_EXTERNAL_PORT;
  private innerPort: number | undefined;
  private probe: ChildProcess | undefined;

  constructor(
    readonly name: string,
    /** Address on the lab's internet. */
    readonly address: string,
    /** The load balancer's address that this client's DNS answer named. */
    readonly via: string,
    readonly machine: Machine,
    readonly nat: NatKind = "strict",
  ) {}

  /** Sets the client's router up, before its first packet. */
  async setRouter(): Promise<void> {
    if (this.nat === "public") return;
    const { nat: kind, address, externalPort, innerPort } = this;
    const rules = renderRouter({ kind, address, externalPort, innerPort });
    await this.machine.run(["nft", "-f", "-"], { input: rules });
  }

  /**
   * The router gets another mapping and forgets the one it had, as it does after a reboot; WireGuard does not notice.
   *
   * @returns time of the change, on the lab's clock
   */
  async rebind(port: number): Promise<number> {
    this.externalPort = port;
    await this.setRouter();
    // Not -F: a flush takes its time and takes along the mapping that the client's next packet has made meanwhile. Here each entry
    // is deleted by its number. Code 1 says that there was none: it had expired.
    const flow = ["-p", "udp", "--orig-port-src", String(this.innerPort)];
    const { code, stderr } = await this.machine.attempt(["conntrack", "-D", ...flow]);
    if (code !== 0 && code !== 1) throw new Error(`${this.name}: ${stderr.trim()}`);
    return performance.now();
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
    this.innerPort = Number(await this.machine.run(["wg", "show", "wg0", "listen-port"]));
    if (this.nat === "public") this.externalPort = this.innerPort;
    await this.setRouter();
    const node = ["node", "/lab/echo.js", "probe", probeHost, String(ECHO_PORT), String(PROBE_INTERVAL_MS)];
    this.probe = this.machine.spawn(node);
    onLines(this.probe.stdout as NodeJS.ReadableStream, (line) => this.traffic.take(line));
    onLines(this.probe.stderr as NodeJS.ReadableStream, (line) => {
      this.problem = line;
    });
    this.connected = true;
  }

  /** Sends a request every so many milliseconds from now on, the first one at once; 0 is silence. */
  pace(interval: number): void {
    this.probe?.stdin?.write(`${interval}\n`);
  }

  /** Takes the tunnel down, as a person does who closes the laptop. */
  async disconnect(): Promise<void> {
    this.connected = false;
    this.probe?.kill();
    await this.machine.attempt(["wg-quick", "down", "wg0"]);
    await this.machine.kill();
  }
}
