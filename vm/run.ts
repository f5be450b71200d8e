/** Runs one command of this checkout in a virtual machine with Debian's kernel, and brings back what it said. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  accessSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "../config/errors";
import { removeLeftovers } from "../lab/made-once";
import { ensureImage, type Image, makeDisk, vmFolder } from "./image";
import {
  type Accelerator,
  chooseAccelerator,
  type MachineParts,
  parseResult,
  qemuArguments,
  type VmResult,
} from "./qemu";

export interface VmOptions {
  readonly project: string;
  /** Script for sh(1), run at the top of the checkout; `WGC_SLOW` is in its environment. */
  readonly script: string;
  readonly limitMinutes: number;
  readonly tell: (text: string) => void;
}

/** How many times longer lab and tests wait for what must come (lab/patience.ts), by what runs the machine. */
const SLOWNESS: Readonly<Record<Accelerator, number>> = { kvm: 1, tcg: 6 };
const NOT_COPIED = new Set([".git", ".wgc", ".vm", "coverage", "node_modules"]);

/**
 * Makes what is missing, starts the machine and waits for its end. What the command prints goes to this process's standard
 * output and standard error as it comes.
 *
 * @throws UserError when the machine cannot be made, ends without a result, or takes too long.
 */
export async function runInVm(options: VmOptions): Promise<VmResult> {
  const { project, tell } = options;
  removeLeftovers(vmFolder(project));
  const image = await ensureImage(project, tell);
  const accelerator = chooseAccelerator(mayUseKvm(), readFileSync("/proc/cpuinfo", "utf8"));
  const folder = join(vmFolder(project), `run-${process.pid}`);
  // A socket's path may have 107 characters (unix(7)), and a checkout may lie deep.
  const sockets = mkdtempSync(join(tmpdir(), "wgc-vm-"));
  try {
    const checkout = await makeCheckout(project, folder, scriptWith(options.script, SLOWNESS[accelerator]));
    tell(
      accelerator === "kvm"
        ? "starting the virtual machine ..."
        : "starting the virtual machine; without KVM its processor and its clock are slow ones ...",
    );
    return await boot(partsOf(image, checkout, folder, sockets, accelerator), options.limitMinutes);
  } finally {
    rmSync(sockets, { recursive: true, force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

function scriptWith(script: string, slowness: number): string {
  return `export WGC_SLOW=${slowness}\n${script}\n`;
}

function partsOf(
  image: Image,
  checkout: string,
  folder: string,
  sockets: string,
  accelerator: Accelerator,
): MachineParts {
  return {
    kernel: image.kernel,
    initrd: image.initrd,
    disks: [image.root, checkout, image.packages],
    ports: [join(sockets, "output"), join(sockets, "errors"), join(sockets, "result")],
    console: join(folder, "console.log"),
    accelerator,
  };
}

function mayUseKvm(): boolean {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A disk with the checkout as it is now, the Node.js that runs this, and the script. */
async function makeCheckout(project: string, folder: string, script: string): Promise<string> {
  const tree = join(folder, "checkout");
  mkdirSync(tree, { recursive: true });
  // Entry by entry: the folder that is copied to lies in the one that is copied.
  for (const name of readdirSync(project).filter((entry) => !NOT_COPIED.has(entry)))
    cpSync(join(project, name), join(tree, name), { recursive: true });
  for (const name of [".wgc", "node_modules", ".vm/bin"]) mkdirSync(join(tree, name), { recursive: true });
  copyFileSync(process.execPath, join(tree, ".vm/bin/node"));
  writeFileSync(join(tree, ".vm/command"), script);
  const disk = join(folder, "checkout.img");
  await makeDisk(tree, disk, 1024);
  rmSync(tree, { recursive: true });
  return disk;
}

async function boot(parts: MachineParts, limitMinutes: number): Promise<VmResult> {
  const [output, errors, result] = parts.ports;
  let received = "";
  const servers = await Promise.all([
    listen(output, (chunk) => process.stdout.write(chunk)),
    listen(errors, (chunk) => process.stderr.write(chunk)),
    listen(result, (chunk) => {
      received += chunk.toString();
    }),
  ]);
  // With this process the machine ends too, however this one ends (setpriv(1)).
  const command = ["--pdeathsig", "KILL", "qemu-system-x86_64", ...qemuArguments(parts)];
  const machine = spawn("setpriv", command, { stdio: ["ignore", "ignore", "pipe"] });
  try {
    const complaint = await endOf(machine, limitMinutes);
    await Promise.all(servers.map((server) => server.drained));
    const said = existsSync(parts.console) ? readFileSync(parts.console, "utf8") : "";
    return parseResult(received, `${said}\n${complaint}`);
  } finally {
    for (const { server } of servers) server.close();
  }
}

interface Port {
  readonly server: Server;
  /** Resolves when the machine has closed its end, and all that it wrote has been handed on. */
  readonly drained: Promise<void>;
}

function listen(path: string, take: (chunk: Buffer) => void): Promise<Port> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    const drained = new Promise<void>((end) => {
      server.on("connection", (connection) => {
        connection
          .on("data", take)
          .on("error", () => {})
          .once("close", () => end());
      });
    });
    server.once("error", reject);
    server.listen(path, () => resolve({ server, drained }));
  });
}

/** Waits for the machine to be switched off; returns what QEMU complained of. */
function endOf(machine: ChildProcess, limitMinutes: number): Promise<string> {
  let complaint = "";
  let problem: string | undefined;
  const stop = (why: string): void => {
    problem ??= why;
    machine.kill("SIGKILL");
  };
  const interrupted = (): void => stop("interrupted; the virtual machine is gone");
  const late = `the virtual machine was not done after ${limitMinutes} minutes`;
  const timer = setTimeout(() => stop(late), limitMinutes * 60_000);
  process.on("SIGINT", interrupted).on("SIGTERM", interrupted);
  machine.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
    complaint += chunk;
  });
  return new Promise<string>((resolve, reject) => {
    machine.once("error", reject);
    machine.once("close", (code) => {
      if (problem !== undefined) reject(new UserError(problem));
      // Nothing has connected to the ports then, and nothing will.
      else if (code !== 0) reject(new UserError(`QEMU ended with code ${code}: ${complaint.trim()}`));
      else resolve(complaint);
    });
  }).finally(() => {
    clearTimeout(timer);
    process.off("SIGINT", interrupted).off("SIGTERM", interrupted);
  });
}
