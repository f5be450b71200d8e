import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { canMakeCgroup } from "../../../lab/boot/image";
import { BOOT_PROGRAMS, bootProblem } from "../../../lab/boot/recipe";
import { parseOsRelease } from "../../../lab/debian";
import type { Plan, PlannedResource } from "../../../plan";
import { labProblem, quick } from "../support";

/** Making the image takes minutes where there is none yet. */
export const IMAGE_LIMIT = 900_000;

/** Why no server can boot here, or undefined. */
export function bootTestProblem(): string | undefined {
  const missing = BOOT_PROGRAMS.map(({ program }) => program).filter(
    (program) => spawnSync("sh", ["-c", 'command -v "$1"', "sh", program]).status !== 0,
  );
  const facts = {
    architecture: process.arch,
    distribution: parseOsRelease(readFileSync("/etc/os-release", "utf8"))["ID"] ?? "unknown",
    root: process.getuid?.() === 0,
    missing,
    cgroups: canMakeCgroup(),
  };
  return labProblem() ?? bootProblem(facts);
}

/** The plan with one server to begin with, short times, and two tries of what the boot script would try for minutes. */
export function oneServer(plan: Plan): Plan {
  const change = (resource: PlannedResource): PlannedResource => {
    const { inputs } = resource;
    if (resource.type === "aws:autoscaling/group:Group")
      return { ...resource, inputs: { ...inputs, desiredCapacity: 1, minSize: 1 } };
    if (resource.type !== "aws:ec2/launchTemplate:LaunchTemplate") return resource;
    const text = Buffer.from(String(inputs["userData"]), "base64").toString();
    const userData = text.replace(/retry \d+ (mount|aws)/g, "retry 2 $1");
    return { ...resource, inputs: { ...inputs, userData: Buffer.from(userData).toString("base64") } };
  };
  const shortened = quick(plan);
  return { ...shortened, resources: shortened.resources.map(change) };
}
