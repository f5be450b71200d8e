/** A VPN server of the lab: a machine that boots from the launch template's user data. */
import { UserError } from "../config/errors";
import type { RoleKeys } from "./aws/role-keys";
import type { InstanceMetadata } from "./imds";
import type { BootMetadata } from "./imds-tree";
import type { Machine } from "./machine";
import { hardwareAddress, type Network } from "./network";

export type ServerState = "booting" | "running" | "stopping" | "stopped" | "crashed" | "failed";

export interface ServerPlace {
  name: string;
  instance: string;
  zone: string;
  subnet: string;
  address: string;
  publicAddress: string;
  /** Id of its network interface. */
  interface: string;
}

/** How a machine becomes a server. The machine runs already, and its network cable is in. */
export interface BootWay {
  readonly machine: Machine;
  /** The first boot: everything in the user data happens. @throws UserError with the reason when the machine is no server then. */
  first(tell: (step: string) => void): Promise<void>;
  /** A later boot, with the same disk. */
  again(): Promise<void>;
  /** An orderly shutdown; resolves when the machine is off. */
  off(how: "poweroff" | "reboot"): Promise<void>;
  /** Takes away what a failed first boot left that would keep the next one from being a first. The machine is off. */
  forget?(): void;
  /** What the metadata service tells it beside what it tells every server. */
  metadata?(): BootMetadata;
}

/** How an operator calls the agent on a server: where every server has it, and the Node.js that runs it. */
export const agentCommand = (verb: "drain" | "undrain"): string[] => [
  ...["/opt/wgc/bin/node", "/opt/wgc/agent.js"],
  verb,
];

/** Keys of a role are good for six hours. */
const KEYS_MS = 6 * 3_600_000;

export class Server {
  state: ServerState = "stopped";
  /** Milliseconds from the start of user data to its end; of the last boot. */
  bootTime = 0;
  /** Names of what the boot did, in order: shown by `lab status --json`. */
  readonly bootLog: string[] = [];
  /** What the metadata service says about the Auto Scaling group's wish and a spot instance's end. */
  targetLifecycleState: InstanceMetadata["targetLifecycleState"] = "InService";
  spotEnd: string | undefined;
  private booted = false;

  constructor(
    readonly place: ServerPlace,
    private readonly boot: BootWay,
    private readonly network: Network,
    private readonly keys: RoleKeys & { role: string },
  ) {}

  get name(): string {
    return this.place.name;
  }

  get machine(): Machine {
    return this.boot.machine;
  }

  /** Starts the machine. The first time it runs the user data, as cloud-init does; afterwards it boots as a reboot does. */
  async start(): Promise<void> {
    if (this.state === "failed") {
      await this.machine.kill(); // it was left running to be looked at
      this.boot.forget?.();
    }
    if (this.machine.running) return;
    this.state = "booting";
    const began = performance.now();
    try {
      await this.machine.start();
      await this.network.attach(this.machine, this.place.subnet, this.place.address);
      if (this.booted) await this.boot.again();
      else await this.boot.first((step) => this.bootLog.push(step));
    } catch (error) {
      this.state = "failed";
      throw error;
    }
    this.booted = true;
    this.bootTime = performance.now() - began;
    this.state = "running";
  }

  get metadata(): InstanceMetadata {
    const { instance, zone, address, interface: id } = this.place;
    const boot = this.boot.metadata?.();
    return {
      ...{ instance, zone, targetLifecycleState: this.targetLifecycleState, spotEnd: this.spotEnd },
      interface: { id, mac: hardwareAddress(address), address },
      role: { ...this.keys, expiration: new Date(Date.now() + KEYS_MS).toISOString() },
      ...(boot ? { boot } : {}),
    };
  }

  /**
   * Runs one of the agent's commands on the server, as an operator does through a session.
   *
   * @throws UserError with what the command says.
   */
  async agent(command: "drain" | "undrain"): Promise<void> {
    const { code, stderr } = await this.machine.attempt(agentCommand(command));
    if (code !== 0) throw new UserError(`${this.name}: ${stderr.trim().replace(/^wgc agent: /, "")}`);
  }

  /** The plug is pulled: everything in the machine ends at once. */
  async crash(): Promise<void> {
    this.state = "crashed";
    await this.machine.kill();
  }

  /** An orderly stop: the agent drains as it does on an instance that is about to go, then the machine ends. */
  async stop(): Promise<void> {
    this.state = "stopping";
    await this.boot.off("poweroff");
    this.state = "stopped";
  }

  /** An orderly stop, and a boot with the same disk. */
  async reboot(): Promise<void> {
    this.state = "stopping";
    await this.boot.off("reboot");
    this.state = "stopped";
    await this.start();
  }
}
