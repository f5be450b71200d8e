import { signatureScope } from "../../../lab/boot/aws-services";
import { bootLines } from "../../../lab/boot/cloud-init";
import { controlGroup } from "../../../lab/boot/control-group";
import { type BootFacts, bootProblem, mirrorOf } from "../../../lab/boot/recipe";

const GOOD: BootFacts = {
  architecture: "x64",
  distribution: "debian",
  root: true,
  missing: [],
  cgroups: true,
};

test("where servers can boot there is no problem, and elsewhere it says what to do", () => {
  expect(bootProblem(GOOD)).toBeUndefined();
  expect(bootProblem({ ...GOOD, distribution: "fedora" })).toMatch(/this is 'fedora'/);
  expect(bootProblem({ ...GOOD, architecture: "arm64" })).toMatch(/x86-64 only; this is arm64/);
  expect(bootProblem({ ...GOOD, root: false })).toMatch(/needs root; run it as: sudo \.\/wgc lab up --boot$/);
  expect(bootProblem({ ...GOOD, missing: ["systemd-nspawn", "python3"] })).toMatch(
    /lacks systemd-nspawn, python3,.*'apt-get install --no-install-recommends systemd-container python3-venv'/,
  );
  expect(bootProblem({ ...GOOD, cgroups: false })).toMatch(/no control groups/);
});

test("the mirror is the one that apt uses for the release itself, not for its updates", () => {
  const targets = [
    "http://security.test/debian-security/ bookworm-security main",
    "http://tools.test/apt/ bookworm stable",
    "http://mirror.test/debian/ bookworm-updates main",
    "http://mirror.test/debian/ bookworm main",
  ].join("\n");
  expect(mirrorOf(targets, "bookworm")).toBe("http://mirror.test/debian/");
  expect(mirrorOf(targets, "trixie")).toBeUndefined();
});

test("who signed a request, and for which service, is read from its signature", () => {
  const header =
    "AWS4-HMAC-SHA256 Credential=ASIAX/20261121/us-east-1/autoscaling/aws4_request, SignedHeaders=host, Signature=0";
  expect(signatureScope(header)).toEqual({
    accessKeyId: "ASIAX",
    region: "us-east-1",
    service: "autoscaling",
  });
  expect(signatureScope("Basic eA==")).toBeUndefined();
  expect(signatureScope(undefined)).toBeUndefined();
});

test("of cloud-init's output the boot script's own lines are shown", () => {
  const line = "2026-11-21T00:00:00Z wgc-boot: FAILED: no Node.js on this image";
  expect(bootLines(`Cloud-init v. 22\n${line}\nwgc-boot without a time\n`)).toEqual([line]);
});

test("two labs have different control groups", () => {
  expect(controlGroup("/a/.wgc/lab/default")).not.toBe(controlGroup("/b/.wgc/lab/default"));
  expect(controlGroup("/a/.wgc/lab/default")).toMatch(/^wgc-lab-[0-9a-f]{12}$/);
});
