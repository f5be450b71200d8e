/** How a server of the lab boots without an operating system of its own: the steps of its user data one by one, on the host's programs. */
import { UserError } from "../config/errors";
import { bootSteps, takeStep } from "./cloud-config";
import type { Machine } from "./machine";
import { CommandError } from "./process";
import type { BootWay } from "./server";

export class StepwiseBoot implements BootWay {
  constructor(
    readonly machine: Machine,
    private readonly userData: string,
  ) {}

  async first(tell: (step: string) => void): Promise<void> {
    for (const step of bootSteps(this.userData)) {
      const began = performance.now();
      await takeStep(this.machine, step).catch((error: unknown) => {
        if (error instanceof UserError) throw error;
        const reason = error instanceof CommandError ? error.reason : String(error);
        throw new UserError(`${this.machine.name} did not boot: '${describe(step)}' failed: ${reason}`, {
          cause: error,
        });
      });
      tell(`${describe(step)} (${Math.round(performance.now() - began)} ms)`);
    }
  }

  /** Loads /etc/sysctl.d, mounts what /etc/fstab names and starts the enabled units. */
  async again(): Promise<void> {
    const settings = 'for file in /etc/sysctl.d/*.conf; do sysctl -q -p "$file"; done';
    // The entries say nofail: systemd goes on without a file system that cannot be mounted (systemd.mount(5)).
    const script = `${settings}; mount -a || :; systemctl boot`;
    await this.machine.run(["sh", "-c", script], { timeout: 60_000 });
  }

  /** Stops the agent as a shutdown does; its drain is part of that. */
  async off(): Promise<void> {
    await this.machine.run(["systemctl", "stop", "wgc-agent.service"], { timeout: 120_000 });
    await this.machine.kill();
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
