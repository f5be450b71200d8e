import { recipeHash, releaseOf } from "../../lab/debian";
import { hostProblem, PACKAGES, VM_PROGRAMS } from "../../vm/recipe";

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n';
const UBUNTU = 'ID=ubuntu\nID_LIKE="debian"\nVERSION_CODENAME=noble\n';

test("an image has the name of what it is made from: release, packages and scripts each change it", () => {
  const hash = recipeHash("bookworm", ["a", "b"], ["x"]);
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(recipeHash("bookworm", ["a", "b"], ["x"])).toBe(hash);
  const others = [
    recipeHash("trixie", ["a", "b"], ["x"]),
    recipeHash("bookworm", ["a"], ["x"]),
    recipeHash("bookworm", ["a", "b"], ["y"]),
    recipeHash("bookworm", ["a"], ["b", "x"]),
    recipeHash("bookworm", ["ab"], ["x"]),
  ];
  expect(new Set([hash, ...others]).size).toBe(6);
});

test("the image is made on Debian for x86-64, and elsewhere it says what to do instead", () => {
  expect(hostProblem("x64", DEBIAN)).toBeUndefined();
  expect(hostProblem("x64", DEBIAN.replace("ID=debian", 'ID="debian"'))).toBeUndefined();
  expect(hostProblem("arm64", DEBIAN)).toBe("the virtual machine is made for x86-64 only; this is arm64");
  expect(hostProblem("x64", UBUNTU)).toMatch(/this is 'ubuntu'.*sudo modprobe wireguard/);
  expect(hostProblem("x64", "")).toMatch(/this is 'unknown'/);
});

test("the release is the one that apt's sources name", () => {
  expect(releaseOf(DEBIAN)).toBe("bookworm");
  expect(releaseOf("ID=debian\n")).toBe("unknown");
});

test("the machine has a kernel, and all that the lab calls besides what the kernel replaces", () => {
  const lab = ["wireguard-tools", "nftables", "conntrack", "iproute2", "util-linux", "procps", "bindfs"];
  // netbase: without /etc/protocols nft knows no protocol by its name.
  expect(PACKAGES).toEqual(
    expect.arrayContaining(["linux-image-amd64", "netbase", "nfs-kernel-server", ...lab]),
  );
  expect(PACKAGES).not.toContain("wireguard-go");
  expect(new Set(PACKAGES).size).toBe(PACKAGES.length);
  expect(VM_PROGRAMS.map(({ program }) => program)).toContain("qemu-system-x86_64");
});
