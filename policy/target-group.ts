import { text } from "./read";

/** Both names that Pulumi has for one thing. */
export function isTargetGroup(type: string): boolean {
  return type === "aws:lb/targetGroup:TargetGroup" || type === "aws:alb/targetGroup:TargetGroup";
}

export function isUdp(props: unknown): boolean {
  return ["UDP", "TCP_UDP"].includes(text(props, "protocol") ?? "");
}
