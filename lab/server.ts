/** A VPN server of the lab: a machine that boots from the launch template's user data. */
import { UserError } from "../config/errors";
import type { RoleKeys } from "./aws/role-keys";
import { bootSteps, takeStep } from "./cloud-config";
import type { InstanceMetadata } from "./imds";
import type { Machine } from "./machine";
import { hardwareAddress, type Network } from "./network";
import { CommandError } from "./process";

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
    readonly machine: Machine,
    private readonly network: Network,
    private readonly userData: string,
    private readonly keys: RoleKeys & { role: string },
  ) {}

  get name(): string {
    return this.place.name;
  }

  /**
   * Starts the machine. The first time it runs the user data, as cloud-init does; afterwards it only loads /etc/sysctl.d,
   * mounts what /etc/fstab names and starts the enabled units, as a reboot does.
   */
  async start(): Promise<void> {
    if (this.state === "failed") await this.machine.kill(); // it was left running to be looked at
    if (this.machine.running) return;
    this.state = "booting";
    const began = performance.now();
    try {
      await this.machine.start();
      await this.network.attach(this.machine, this.place.subnet, this.place.address);
      if (this.booted) await this.restart();
      else await this.firstBoot();
    } catch (error) {
      this.state = "failed";
      throw error;
    }
    this.booted = true;
    this.bootTime = performance.now() - began;
    this.state = "running";
  }

  private async firstBoot(): Promise<void> {
    for (const step of bootSteps(this.userData)) {
      const began = performance.now();
      await takeStep(this.machine, step).catch((error: unknown) => {
        if (error instanceof UserError) throw error;
        const reason = error instanceof CommandError ? error.reason : String(error);
        throw new UserError(`${this.name} did not boot: '${describe(step)}' failed: ${reason}`, {
          cause: error,
        });
      });
      this.bootLog.push(`${describe(step)} (${Math.round(performance.now() - began)} ms)`);
    }
  }

  private async restart(): Promise<void> {
    const settings = 'for file in /etc/sysctl.d/*.conf; do sysctl -q -p "$file"; done';
    // The entries say nofail: systemd goes on without a file system that cannot be mounted (systemd.mount(5)).
    const script = `${settings}; mount -a || :; systemctl boot`;
    await this.machine.run(["sh", "-c", script], { timeout: 60_000 });
  }

  get metadata(): InstanceMetadata {
    const { instance, zone, address, interface: id } = this.place;
    return {
      ...{ instance, zone, targetLifecycleState: this.targetLifecycleState, spotEnd: this.spotEnd },
      interface: { id, mac: hardwareAddress(address), address },
      role: { ...this.keys, expiration: new Date(Date.now() + KEYS_MS).toISOString() },
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
    await this.machine.run(["systemctl", "stop", "wgc-agent.service"], { timeout: 120_000 });
    await this.machine.kill();
    this.state = "stopped";
  }
}

function describe(step: ReturnType<typeof bootSteps>[number]): string {
  switch (step.kind) {
    case "file":
      return `write ${step.path}`;
    case "mount":
      return `fstab ${step.entry[1] ?? ""}`;
    case "packages":
      return `packages ${step.names.join(" ")}`;
    case "command":
      return `run ${step.command.join(" ")}`;
  }
}
