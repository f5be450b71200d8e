import { architectureOf } from "../config/architecture";

/** The public SSM parameter that names the newest Amazon Linux 2023 image. */
export function imageParameter(instanceType: string): string {
  return `/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${architectureOf(instanceType)}`;
}
