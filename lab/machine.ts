/**
 * A lab machine: its own network, mount, host-name and process namespaces under one init process. Killing the init ends
 * everything in the machine at once, as pulling the plug does; the folder that is its disk stays.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { attempt, CommandError, ended, type Finished, onLines, type RunOptions } from "./process";

/** Folders that all machines of a lab share; see guest/machine for what each is. */
export interface Site {
  /** Folder under which machines keep their disks, `efs/` and `s3/`. */
  lab: string;
  guest: string;
  node: string;
  /** Folder with unpacked system packages, when they are not installed. */
  tools?: string;
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export class Machine {
  protected init: ChildProcess | undefined;
  protected initPid = 0;

  constructor(
    readonly name: string,
    private readonly site: Site,
    /** Environment of every program that runs in the machine, besides PATH. */
    private readonly environment: Record<string, string> = {},
  ) {}

  get running(): boolean {
    return this.init !== undefined;
  }

  /** The machine's disk as seen from the lab. */
  get disk(): string {
    return join(this.site.lab, "disks", this.name);
  }

  /** Process id of the machine's init: names its namespaces, for `ip link set ... netns`. */
  get pid(): number {
    if (!this.init) throw new Error(`machine ${this.name} is not running`);
    return this.initPid;
  }

  /** Starts the machine; resolves when its root file system stands. */
  async start(): Promise<void> {
    if (this.init) return;
    mkdirSync(this.disk, { recursive: true });
    const { lab, node, guest, tools } = this.site;
    const script = [
      join(guest, "machine"),
      this.disk,
      this.name,
      lab,
      node,
      guest,
      ...(tools ? [tools] : []),
    ];
    const init = await this.launch(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child"], script);
    this.initPid = Number(readFileSync(`/proc/${init.pid}/task/${init.pid}/children`, "utf8").trim());
  }

  /** Starts a script in namespaces of its own; resolves when it says that it is ready. The machine runs until that process ends. */
  protected async launch(namespaces: readonly string[], script: readonly string[]): Promise<ChildProcess> {
    const init = spawn("unshare", [...namespaces, "sh", ...script], { stdio: ["pipe", "pipe", "pipe"] });
    let problem = "";
    init.stdin.on("error", () => {}); // it may end without reading; its exit code tells
    init.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      problem += chunk;
    });
    await new Promise<void>((resolve, reject) => {
      onLines(init.stdout, (line) => line === "ready" && resolve());
      init.once("close", (code) =>
        reject(new CommandError(["machine", this.name], { code: code ?? 128, stdout: "", stderr: problem })),
      );
      init.once("error", reject);
    });
    this.init = init;
    init.once("close", () => {
      if (this.init === init) this.init = undefined;
    });
    return init;
  }

  /** Ends the machine and everything in it at once. */
  async kill(): Promise<void> {
    const init = this.init;
    if (!init) return;
    this.init = undefined;
    init.kill("SIGKILL"); // --kill-child passes it on to the init of the process namespace
    await ended(init);
  }

  /** What a program enters to be in the machine, as options of nsenter(1). */
  protected namespaces(): string[] {
    return ["--net", "--mount", "--uts", "--pid", "--root"];
  }

  private enter(command: readonly string[]): string[] {
    const environment = Object.entries(this.environment).map(([name, value]) => `${name}=${value}`);
    // Set in the virtual machine, where a program that is compiled anew at each start is too slow to be in time.
    const cache = process.env["NODE_COMPILE_CACHE"];
    if (cache !== undefined) environment.push(`NODE_COMPILE_CACHE=${cache}`);
    return [
      ...["nsenter", "--target", String(this.pid), ...this.namespaces(), "--", "env", "-i"],
      ...[`PATH=/lab/bin:${SYSTEM_PATH}`, "HOME=/root", "LANG=C.UTF-8", ...environment],
      ...command,
    ];
  }

  /** Runs a program in the machine to its end, whatever its exit code. */
  attempt(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return attempt(this.enter(command), options);
  }

  /**
   * Runs a program in the machine and returns its standard output.
   *
   * @throws CommandError when it ends with another code than 0.
   */
  async run(command: readonly string[], options: RunOptions = {}): Promise<string> {
    const result = await this.attempt(command, options);
    if (result.code !== 0) throw new CommandError([`${this.name}:`, ...command], result);
    return result.stdout;
  }

  /** Starts a long-running program in the machine; it ends with the machine, or when its input is closed. */
  spawn(command: readonly string[]): ChildProcess {
    const [program = "", ...args] = this.enter(command);
    return spawn(program, args, { stdio: "pipe" });
  }

  /** Writes a file of the machine. */
  async write(path: string, content: string, mode = "0644"): Promise<void> {
    const script = 'mkdir -p "$(dirname "$1")" && umask 077 && cat >"$1" && chmod "$2" "$1"';
    await this.run(["sh", "-c", script, "write", path, mode], { input: content });
  }
}
