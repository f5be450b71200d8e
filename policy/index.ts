/** The policy pack, as `pulumi preview --policy-pack policy` and `./wgc plan --policy` load it. */
import { PolicyPack } from "@pulumi/policy";
import { rules } from "./rules";

new PolicyPack("wgc", {
  displayName: "wgc",
  description: "What a WireGuard cluster on AWS must keep to, whoever changes the program.",
  policies: [...rules],
  enforcementLevel: "mandatory",
});
