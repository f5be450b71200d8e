/** The machine as QEMU's arguments, and what it said at its end. Pure. */
import { UserError } from "../config/errors";

export interface MachineParts {
  readonly kernel: string;
  readonly initrd: string;
  /** Files of the root disk, the checkout and the npm packages, in this order. */
  readonly disks: readonly [root: string, checkout: string, packages: string];
  /** Unix sockets that take standard output, standard error and the result. */
  readonly ports: readonly [output: string, errors: string, result: string];
  /** File that takes what the kernel says. */
  readonly console: string;
  readonly accelerator: Accelerator;
}

/** `kvm` runs the machine at full speed, `tcg` translates its instructions and is ten to twenty times slower. */
export type Accelerator = "kvm" | "tcg";

/**
 * /dev/kvm may exist, and even make a machine, on a processor that does not let it run one: then the machine hangs in its first
 * instruction, so the processor's flags are asked as well.
 */
export function chooseAccelerator(kvmUsable: boolean, cpuinfo: string): Accelerator {
  return kvmUsable && /^flags\s*:.*\b(vmx|svm)\b/m.test(cpuinfo) ? "kvm" : "tcg";
}

/**
 * Emulated, the machine has a clock of its own (qemu(1), -icount): each instruction takes one nanosecond of it, however long it
 * takes here, and while the processor is idle it keeps to the clock of this machine. So to the programs in there, the machine is
 * a slow one of constant speed, and their time limits mean the same whatever else goes on here. That takes one processor.
 */
const PROCESSOR: Readonly<Record<Accelerator, readonly string[]>> = {
  kvm: ["-accel", "kvm", "-smp", "2"],
  tcg: [...["-accel", "tcg,thread=single", "-smp", "1"], ...["-icount", "shift=0", "-rtc", "clock=vm"]],
};

/** A comma ends a value, two stand for one (qemu(1)). */
const value = (path: string): string => path.replaceAll(",", ",,");

/** The arguments of qemu-system-x86_64. No network; disks are never written, what the machine writes goes with it. */
export function qemuArguments(parts: MachineParts): string[] {
  const drives = parts.disks.flatMap((file, index) => {
    const mode = index === 2 ? "readonly=on" : "snapshot=on";
    return ["-drive", `file=${value(file)},if=virtio,format=raw,${mode}`];
  });
  const ports = parts.ports.flatMap((path, index) => [
    ...["-chardev", `socket,id=port${index + 1},path=${value(path)}`],
    ...["-device", `virtserialport,chardev=port${index + 1},nr=${index + 1}`],
  ]);
  return [
    ...PROCESSOR[parts.accelerator],
    ...["-cpu", "max", "-m", "3072"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", parts.kernel, "-initrd", parts.initrd],
    ...["-append", "console=ttyS0 quiet panic=-1"],
    ...["-serial", `file:${parts.console}`],
    ...drives,
    ...["-device", "virtio-serial-pci", ...ports],
    ...["-device", "virtio-rng-pci"],
  ];
}

/** How the command in the machine ended. */
export interface VmResult {
  readonly code: number;
  /** What it left in /run/result; empty when it left nothing. */
  readonly text: string;
}

/**
 * Reads what the machine's init wrote last.
 *
 * @throws UserError with the end of the console when the machine ended without a result.
 */
export function parseResult(received: string, consoleText: string): VmResult {
  const [, code, text] = /^(\d+)\n([\s\S]*)$/.exec(received) ?? [];
  if (code !== undefined && text !== undefined) return { code: Number(code), text };
  const last = consoleText.trim().split("\n").slice(-15).join("\n");
  throw new UserError(`the virtual machine ended before its command did; its console said last:\n${last}`);
}

/** A word for sh(1), whatever is in it. */
export function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
