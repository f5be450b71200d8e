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

/** The public SSM parameter that names the newest Amazon Linux 2023 image. */
export function imageParameter(instanceType: string): string {
  return `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architectureOf(instanceType)}`;
}
