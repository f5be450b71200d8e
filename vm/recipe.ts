/** What the virtual machine consists of: pure data and text, so that a change of it makes a new image. */
import { parseOsRelease } from "../lab/debian";

/**
 * Packages of the machine; apt adds what they depend on, and nothing is there by itself. First a system that runs shell
 * scripts, then what the lab calls, then a file server, last the kernel and what its initial RAM disk takes.
 */
export const PACKAGES = [
  ...["base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils", "diffutils", "findutils"],
  ...["grep", "gzip", "hostname", "libc-bin", "mawk", "mount", "procps", "sed", "tar", "util-linux"],
  ...["bindfs", "conntrack", "curl", "fuse3", "iproute2", "iputils-ping", "libstdc++6"],
  ...["netbase", "nftables", "wireguard-tools"],
  ...["nfs-common", "nfs-kernel-server"],
  ...["busybox-static", "kmod", "linux-image-amd64"],
] as const;

/** Programs of this machine that make and run the other one, and Debian's packages with them. */
export const VM_PROGRAMS = [
  { program: "qemu-system-x86_64", apt: "qemu-system-x86" },
  { program: "mkfs.ext4", apt: "e2fsprogs" },
  { program: "apt-get", apt: "apt" },
  { program: "dpkg-deb", apt: "dpkg" },
  { program: "ldconfig", apt: "libc-bin" },
  { program: "tar", apt: "tar" },
  { program: "unshare", apt: "util-linux" },
] as const;

/** Why no image can be made on such a machine; undefined when one can. @param osRelease text of os-release(5) */
export function hostProblem(architecture: string, osRelease: string): string | undefined {
  const { ID: id = "unknown" } = parseOsRelease(osRelease);
  if (architecture !== "x64") return `the virtual machine is made for x86-64 only; this is ${architecture}`;
  if (id === "debian") return undefined;
  return (
    `the virtual machine is made from the packages of the Debian that it is made on; this is '${id}'. ` +
    "Where the kernel has WireGuard ('sudo modprobe wireguard'), the lab uses it without a virtual machine"
  );
}
