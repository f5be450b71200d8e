/** Processor architecture of an EC2 instance type. */
export type Architecture = "arm64" | "x86_64";

/**
 * The architecture of an instance type by its name: Graviton families carry a "g" right after the generation
 * (c7g, t4g, m8gd, c6gn, im4gn), except that g in front of the generation means graphics (g4dn); a1 was the first Graviton.
 * https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
 */
export function architectureOf(instanceType: string): Architecture {
  const family = instanceType.split(".")[0] ?? "";
  return family === "a1" || /^[a-z]+\d+g/.test(family) ? "arm64" : "x86_64";
}

/** True for instance types that run on CPU credits. */
export function isBurstable(instanceType: string): boolean {
  return /^t\d/.test(instanceType);
}
