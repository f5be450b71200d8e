import { spawnSync } from "node:child_process";
import { chooseAccelerator, type MachineParts, parseResult, qemuArguments, quote } from "../../vm/qemu";

const PARTS: MachineParts = {
  kernel: "/i/vmlinuz",
  initrd: "/i/initrd",
  disks: ["/i/root.img", "/r/checkout,1.img", "/i/packages.img"],
  ports: ["/s/output", "/s/errors", "/s/result"],
  console: "/r/console.log",
  accelerator: "tcg",
};

/** Values of one option, in order. */
function valuesOf(name: string, parts = PARTS): string[] {
  const args = qemuArguments(parts);
  return args.flatMap((word, index) => (word === name ? [args[index + 1] ?? ""] : []));
}

test("the shared disks are never written: the root's changes are thrown away, the packages are read-only", () => {
  expect(valuesOf("-drive")).toEqual([
    "file=/i/root.img,if=virtio,format=raw,snapshot=on",
    "file=/r/checkout,,1.img,if=virtio,format=raw,snapshot=on",
    "file=/i/packages.img,if=virtio,format=raw,readonly=on",
  ]);
});

test("ports have the numbers that the guest's init writes to", () => {
  expect(valuesOf("-chardev")).toEqual([
    "socket,id=port1,path=/s/output",
    "socket,id=port2,path=/s/errors",
    "socket,id=port3,path=/s/result",
  ]);
  expect(valuesOf("-device").filter((device) => device.startsWith("virtserialport"))).toEqual([
    "virtserialport,chardev=port1,nr=1",
    "virtserialport,chardev=port2,nr=2",
    "virtserialport,chardev=port3,nr=3",
  ]);
});

test("a crash of the kernel ends QEMU, there is no network, and the accelerator is the chosen one", () => {
  const args = qemuArguments(PARTS);
  expect(args).toEqual(expect.arrayContaining(["-no-reboot", "-nodefaults"]));
  expect(valuesOf("-append")).toEqual(["console=ttyS0 quiet panic=-1"]);
  expect(args.filter((word) => /^-(nic|netdev|net)$/.test(word))).toEqual([]);
  expect(valuesOf("-accel")).toEqual(["tcg,thread=single"]);
  expect(valuesOf("-accel", { ...PARTS, accelerator: "kvm" })).toEqual(["kvm"]);
});

test("emulated, the machine's clocks count its instructions; with KVM they are this machine's", () => {
  const clocks = (accelerator: "kvm" | "tcg") =>
    ["-smp", "-icount", "-rtc"].map((name) => valuesOf(name, { ...PARTS, accelerator }));
  expect(clocks("tcg")).toEqual([["1"], ["shift=0"], ["clock=vm"]]);
  expect(clocks("kvm")).toEqual([["2"], [], []]);
});

test.each([
  [true, "flags\t\t: fpu vmx sse\n", "kvm"],
  [true, "flags\t\t: fpu svm\n", "kvm"],
  [true, "flags\t\t: fpu sse\nvmx flags\t: vnmi\n", "tcg"],
  [true, "flags\t\t: fpu svmx\n", "tcg"],
  [false, "flags\t\t: fpu vmx\n", "tcg"],
] as const)(
  "KVM is used where it may be (%s) and the processor can (%j): %s",
  (usable, cpuinfo, expected) => {
    expect(chooseAccelerator(usable, cpuinfo)).toBe(expected);
  },
);

test("a result is the exit code and what the command left, line ends included", () => {
  expect(parseResult("0\n", "")).toEqual({ code: 0, text: "" });
  expect(parseResult('3\n{"a":1}\n\n7\n', "")).toEqual({ code: 3, text: '{"a":1}\n\n7\n' });
});

test.each(["", "0", "Killed\n0\n"])(
  "a machine that ended without a result (%j) shows its console's end",
  (received) => {
    const said = [...Array(20).keys()].map((line) => `line ${line}`).join("\n");
    expect(() => parseResult(received, `${said}\nKernel panic - not syncing\n`)).toThrow(
      /ended before its command did; its console said last:\nline 6\n[\s\S]*line 19\nKernel panic - not syncing$/,
    );
  },
);

test("quoted words reach the program as they are", () => {
  const words = ["a b", "it's", '"$HOME"', "", "`date`", "x\ny", "\\"];
  const { stdout } = spawnSync("sh", ["-c", `printf '%s\\0' ${words.map(quote).join(" ")}`], {
    encoding: "utf8",
  });
  expect(stdout.split("\0").slice(0, -1)).toEqual(words);
});
