/**
 * A lab machine that boots: Debian under systemd in systemd-nspawn, on an overlay over the image. What it is asked for is what a
 * machine is asked for; only its power has a switch of its own, because its network cable must be in before it boots.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Machine, type Site } from "../machine";
import { patient } from "../patience";
import { ended } from "../process";

/** What booted machines have in common. */
export interface BootSite extends Site {
  /** Root file system that each starts from. */
  tree: string;
  /** Name of the lab's folder in each hierarchy of control groups. */
  cgroup: string;
  /** URL of all AWS services. */
  endpoint: string;
}

/** How systemd-nspawn ends when the machine has rebooted itself (systemd.service(5), RestartForceExitStatus of its unit). */
const REBOOTED = 133;
const POWER_LIMIT_MS = patient(30_000);
const KILL_LIMIT_MS = patient(20_000);
const OFF_LIMIT_MS = patient(150_000);

export class BootedMachine extends Machine {
  /** Called when the machine has rebooted itself; it is off then. */
  onReboot: (() => void) | undefined;
  private on = false;

  constructor(
    name: string,
    private readonly bootSite: BootSite,
  ) {
    super(name, bootSite, { AWS_ENDPOINT_URL: bootSite.endpoint });
  }

  /** Puts the machine together; resolves when its network cable can be plugged in. Its power is off. */
  override async start(): Promise<void> {
    if (this.init) return;
    mkdirSync(this.disk, { recursive: true });
    const { lab, node, guest, tree, cgroup, endpoint } = this.bootSite;
    const script = [join(guest, "booted-machine"), tree, this.disk, this.name, lab, node, guest];
    const init = await this.launch(["--net", "--mount"], [...script, `${cgroup}/${this.name}`, endpoint]);
    this.initPid = init.pid ?? 0;
    this.on = false;
    init.once("close", (code) => {
      this.on = false;
      if (code === REBOOTED) this.onReboot?.();
    });
  }

  /** Switches the power on; resolves when systemd runs. What it does is seen in the machine. */
  async powerOn(): Promise<void> {
    const supervisor = this.init;
    if (!supervisor) throw new Error(`machine ${this.name} is not put together`);
    supervisor.stdin?.end("on\n");
    const late = performance.now() + POWER_LIMIT_MS;
    for (;;) {
      const found = systemdBelow(supervisor);
      if (found !== undefined) {
        this.initPid = found;
        this.on = true;
        return;
      }
      if (!this.running || performance.now() > late)
        throw new Error(
          `${this.name}: systemd did not start: ${readFileSync(join(this.disk, "console"), "utf8")}`,
        );
      await pause(20);
    }
  }

  /** Pulls the plug; resolves when nothing of the machine holds its disk any more. */
  override async kill(): Promise<void> {
    if (!this.running) return;
    const pid = this.pid;
    // The machine's own init first: with it goes its process namespace. nspawn's end alone does not end it.
    if (this.on) process.kill(pid, "SIGKILL");
    await super.kill();
    const late = performance.now() + KILL_LIMIT_MS;
    while (existsSync(`/proc/${pid}`)) {
      if (performance.now() > late) throw new Error(`${this.name} does not end`);
      await pause(10);
    }
  }

  /** Gives the machine, which must be off, a new disk. */
  wipe(): void {
    rmSync(this.disk, { recursive: true, force: true });
  }

  /** Resolves when the machine is off, whichever way; it is switched off the hard way after the limit. */
  async whenOff(): Promise<void> {
    const supervisor = this.init;
    if (!supervisor) return;
    const late = setTimeout(() => void this.kill(), OFF_LIMIT_MS);
    await ended(supervisor);
    clearTimeout(late);
  }

  /** A file of the running machine; undefined when there is none. */
  read(path: string): string | undefined {
    try {
      return readFileSync(`/proc/${this.pid}/root${path}`, "utf8");
    } catch {
      return undefined;
    }
  }

  /** Before it is on there is only its network, which the lab's own programs set up. */
  protected override namespaces(): string[] {
    return this.on ? ["--net", "--mount", "--uts", "--ipc", "--pid", "--root", "--wdns=/"] : ["--net"];
  }
}

/** Process id of the systemd that an nspawn runs, as soon as it is there. */
function systemdBelow(supervisor: ChildProcess): number | undefined {
  try {
    const children = readFileSync(`/proc/${supervisor.pid}/task/${supervisor.pid}/children`, "utf8");
    return children
      .trim()
      .split(" ")
      .map(Number)
      .find((pid) => pid > 0 && readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "systemd");
  } catch {
    return undefined; // one of them ended meanwhile
  }
}
