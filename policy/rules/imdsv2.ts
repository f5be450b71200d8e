import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, number, text } from "../read";

const TYPES = ["aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"];

/** Tokens only, and no hop further than the server: a client's forwarded packet never gets the server's credentials. */
export const imdsv2: ResourceValidationPolicy = {
  name: "imdsv2",
  description:
    "The metadata service answers only requests with a token, and only the server itself (hop limit 1).",
  enforcementLevel: "mandatory",
  remediationSteps: 'Set metadataOptions: { httpTokens: "required", httpPutResponseHopLimit: 1 }.',
  validateResource: ({ type, props }, report) => {
    if (!TYPES.includes(type)) return;
    const options = field(props, "metadataOptions");
    if (text(options, "httpEndpoint") === "disabled") return;
    const tokens = text(options, "httpTokens");
    if (tokens !== "required") report(`metadataOptions.httpTokens is ${tokens ?? "not set"}, not "required"`);
    // The API's default is 1, but an account can have another (EC2 user guide, "Configure instance metadata options").
    const hops = number(options, "httpPutResponseHopLimit");
    if (hops !== 1) report(`metadataOptions.httpPutResponseHopLimit is ${hops ?? "not set"}, not 1`);
  },
};
