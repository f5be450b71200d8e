/** How a booted server becomes one: systemd starts cloud-init, which takes the user data from the metadata service. The lab only watches. */
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { UserError } from "../../config/errors";
import type { BootMetadata } from "../imds-tree";
import { patient } from "../patience";
import type { BootWay } from "../server";
import type { BootedMachine } from "./machine";

/** More than the retries of the boot script take. */
const LIMIT_MS = patient(420_000);
const OUTPUT = "/var/log/cloud-init-output.log";
/** Written when the last stage has ended, at every boot (https://docs.cloud-init.io/en/latest/explanation/analyze.html). */
const RESULT = "/run/cloud-init/result.json";

const resultSchema = z.object({ v1: z.object({ errors: z.array(z.string()) }) });

export class CloudInitBoot implements BootWay {
  constructor(
    readonly machine: BootedMachine,
    readonly metadata: () => BootMetadata,
  ) {}

  async first(tell: (step: string) => void): Promise<void> {
    const began = performance.now();
    const errors = await this.boot();
    const output = this.machine.read(OUTPUT) ?? "";
    const [units] = await this.machine.run(["systemctl", "--failed", "--plain", "--no-legend"]).then(lines);
    for (const line of bootLines(output)) tell(line);
    tell(`cloud-init was done ${Math.round(performance.now() - began)} ms after power on`);
    if (errors.length === 0 && units === undefined) return;
    const said = bootLines(output).filter((line) => line.includes("FAILED:"));
    const reason = said.at(-1) ?? [...errors, units ?? "", ...lines(output).slice(-5)].join("\n");
    throw new UserError(
      `${this.machine.name} did not boot: ${reason} (all of it: ./wgc lab exec ${this.machine.name} cat ${OUTPUT})`,
    );
  }

  async again(): Promise<void> {
    await this.boot();
  }

  /** A new disk: cloud-init runs user data once on an instance, and the group would launch another. */
  forget(): void {
    this.machine.wipe();
  }

  async off(how: "poweroff" | "reboot"): Promise<void> {
    await this.machine.attempt(["systemctl", how]);
    await this.machine.whenOff();
  }

  /** Switches the power on; resolves with cloud-init's errors when its last stage has ended. */
  private async boot(): Promise<string[]> {
    const { machine } = this;
    await machine.powerOn();
    const late = performance.now() + LIMIT_MS;
    while (performance.now() < late) {
      const result = machine.read(RESULT);
      if (result !== undefined && result !== "") {
        // cloud-init's last unit ends a moment after it wrote that.
        await machine.attempt(["systemctl", "is-system-running", "--wait"]);
        return resultSchema.parse(JSON.parse(result)).v1.errors;
      }
      if (!machine.running) throw new UserError(`${machine.name} went off while it booted`);
      await pause(50);
    }
    throw new UserError(`${machine.name}: cloud-init was not done within ${LIMIT_MS / 1000} s`);
  }
}

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** What the boot script logged. @param output cloud-init's log of what its commands wrote */
export function bootLines(output: string): string[] {
  return lines(output).filter((line) => / wgc-boot: /.test(line));
}
