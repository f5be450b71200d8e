/**
 * Renders docs/configuration.md from the settings' schema, the only place that knows them.
 *
 * usage: npx tsx scripts/config-reference.ts          writes docs/configuration.md
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { settingsSchema } from "../config/schema";
import type { SettingInfo } from "../config/values";

/** The file that the reference is written to. */
export const REFERENCE = join(__dirname, "..", "docs", "configuration.md");

const HEAD = `# Configuration

<!-- Generated from config/schema.ts by scripts/config-reference.ts; changes by hand are lost. -->

A stack's settings live in \`Pulumi.<stack>.yaml\` and are changed with \`pulumi config set\`, for example
\`npx pulumi config set wgc:maxServers 12\`. Besides the settings below a stack needs \`aws:region\`.

Lists are written with commas (\`10.0.0.0/16,10.1.0.0/16\`) or as JSON; so are tags (\`Owner=network,Environment=dev\`).
Every fault of a configuration is reported at once, each with the command that mends it, before anything is deployed.
See what a change would make and cost, without an account: \`./wgc plan --stack prod --config wgc:maxServers=12\`.
`;

const FOOT = `
## Checks across settings

| setting | must fit |
|---|---|
| \`minServers\`, \`desiredServers\`, \`maxServers\` | in this order; 0 for \`desiredServers\` means \`minServers\` |
| \`minServers\` | at least \`availabilityZoneCount\` while \`crossZone\` is false, because a zone without a server drops its clients |
| \`maxServers\` | half as many again must fit into the public subnets of \`vpcCidr\`: a rolling replacement launches first |
| \`tunnelCidr\` | must not overlap \`vpcCidr\`, and no range of \`clientRoutes\` may lie inside it unless \`clientToClient\` is on |
| \`extraInstanceTypes\` | others than \`instanceType\`, of its architecture, and like it with or without CPU credits |
| \`warmPoolSize\` | 0 while \`onDemandPercent\` is below 100 or \`extraInstanceTypes\` is set; fits into the public subnets of \`vpcCidr\` beside \`maxServers\` |
| \`scheduledCapacity\` | sizes in order with each other and with \`minServers\` and \`maxServers\`, none above \`maxServers\`; what one leaves out is as any other may have left it |
| \`natGateways\` | \`single\` or \`onePerAz\` while \`nodeSubnets\` is \`private\`, \`none\` while \`vpcId\` is set |
| \`publicSubnetIds\`, \`privateSubnetIds\` | with \`vpcId\` only, one a zone each, the same zones in the same order |
| \`vpcId\` and its subnets | looked up by \`pulumi preview\`: its first range is \`vpcCidr\`, none overlaps \`tunnelCidr\`, names are on, the subnets are its own, public ones lead to an internet gateway and have room for the load balancer, private ones do not (and lead to the internet at all while \`nodeSubnets\` is \`private\`) |
| \`availabilityZones\` | empty, or as many names as \`availabilityZoneCount\` |
| \`healthPort\` | not the number of \`listenPort\` |
| \`dnsName\`, \`dnsZone\` | both or neither, and the name lies in the zone |
| \`takeover\` | on while \`addressing\` is \`routed\` or \`topology\` is \`active-passive\` |
| \`crossZone\` | on while \`topology\` is \`active-passive\` |
| \`routedPrefixes\`, \`backendPrefixes\`, \`clientToClient\`, \`routeTables\` | only while \`addressing\` is \`routed\` |
| \`routedPrefixes\` | must not overlap \`tunnelCidr\`; inside \`vpcCidr\` or the private ranges 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 |
| \`backendPrefixes\` | each inside one of \`routedPrefixes\` |
| \`meshPort\` | not the number of \`listenPort\`, the one after it, \`healthPort\` or 4790 (the overlay); with \`routed\` \`listenPort\` must keep off 4790 as well |
| \`scaleInCpuPercent\`, \`scaleInNetworkMBps\` | below \`scaleOutCpuPercent\`, \`scaleOutNetworkMBps\` |

Allowed, with a warning: Spot instances of one type alone, burstable instance types, a single NAT gateway for private servers, NAT gateways that no server
uses, fewer servers than zones, and \`backendPrefixes\` or \`clientToClient\` without a range of \`clientRoutes\` that leads there.

This page is made by \`npx tsx scripts/config-reference.ts\`; a test fails when it is out of date.
`;

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}

function row(key: string, info: SettingInfo): string {
  const standard = info.default === "" ? "(not set)" : `\`${info.default}\``;
  const cells = [`\`wgc:${key}\``, info.type, standard, cell(info.allowed), cell(info.description)];
  return `| ${cells.join(" | ")} |`;
}

/** The whole page. */
export function renderReference(): string {
  const rows = Object.entries(settingsSchema.shape).map(([key, schema]) =>
    // `setting` in config/values.ts attaches exactly this.
    row(key, schema.meta() as unknown as SettingInfo),
  );
  const table = ["| setting | type | default | allowed | what it does |", "|---|---|---|---|---|", ...rows];
  return `${HEAD}\n## Settings\n\n${table.join("\n")}\n${FOOT}`;
}

if (require.main === module) writeFileSync(REFERENCE, renderReference());
