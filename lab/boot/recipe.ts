/** What a booted server's image consists of, and what this machine needs to make and run it. Pure data. */

/**
 * Packages beside Debian's minimal system; apt adds what they depend on. First what boots, then what Amazon Linux's packages
 * `wireguard-tools`, `nftables` and `conntrack-tools` bring, then the AWS command line, then what the lab's stand-in for EFS and Node.js take.
 */
export const PACKAGES = [
  ...["systemd", "systemd-sysv", "dbus", "udev", "cloud-init"],
  ...["wireguard-tools", "wireguard-go", "nftables", "conntrack", "iproute2", "netbase", "procps", "kmod"],
  ...["awscli", "ca-certificates"],
  ...["bindfs", "fuse3", "iputils-ping", "libatomic1", "libstdc++6"],
] as const;

/** The emulator of S3 and CloudWatch, from PyPI, with the parts of it that the servers' calls need. */
export const MOTO = ["moto[ec2,s3]==5.2.5", "flask==3.1.3", "flask-cors==6.0.5"] as const;

/** Programs of this machine that make and run the servers, and Debian's packages with them. */
export const BOOT_PROGRAMS = [
  { program: "systemd-nspawn", apt: "systemd-container" },
  { program: "debootstrap", apt: "debootstrap" },
  { program: "apt-get", apt: "apt" },
  { program: "dpkg-deb", apt: "dpkg" },
  { program: "python3", apt: "python3-venv" },
  { program: "unshare", apt: "util-linux" },
] as const;

/** What decides whether servers can be booted on a machine. */
export interface BootFacts {
  readonly architecture: string;
  /** `ID` of os-release(5). */
  readonly distribution: string;
  readonly root: boolean;
  /** Programs of {@link BOOT_PROGRAMS} that are missing. */
  readonly missing: readonly string[];
  /** Whether control groups can be made: systemd keeps each service in one. */
  readonly cgroups: boolean;
}

/** Why servers cannot be booted, with what mends it; undefined when they can. */
export function bootProblem(facts: BootFacts): string | undefined {
  const { architecture, distribution, root, missing, cgroups } = facts;
  if (distribution !== "debian")
    return `booted servers are made from the packages of the Debian that they run on; this is '${distribution}'`;
  if (architecture !== "x64") return `booted servers are made for x86-64 only; this is ${architecture}`;
  if (!root) return "a machine under systemd needs root; run it as: sudo ./wgc lab up --boot";
  if (missing.length > 0) {
    const packages = BOOT_PROGRAMS.filter(({ program }) => missing.includes(program)).map(({ apt }) => apt);
    return (
      `this machine lacks ${missing.join(", ")}, which booted servers need; install them with ` +
      `'apt-get install --no-install-recommends ${packages.join(" ")}' and try again`
    );
  }
  if (!cgroups)
    return "no control groups can be made below /sys/fs/cgroup; a container needs --privileged --cgroupns=private for it";
  return undefined;
}

/** The first Debian archive among apt's own sources that has this release. @param targets lines of `URI CODENAME COMPONENT` */
export function mirrorOf(targets: string, release: string): string | undefined {
  return targets
    .split("\n")
    .map((line) => line.split(" "))
    .find(([, codename, component]) => codename === release && component === "main")?.[0];
}
