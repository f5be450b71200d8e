import { readFileSync } from "node:fs";
import { settingsSchema } from "../../config/schema";
import { REFERENCE, renderReference } from "../../scripts/config-reference";

const page = readFileSync(REFERENCE, "utf8");

test("docs/configuration.md is up to date (mend: npx tsx scripts/config-reference.ts)", () => {
  expect(page).toBe(renderReference());
});

test("every setting has exactly one row, in the order of the schema", () => {
  const keys = [...page.matchAll(/^\| `wgc:(\w+)` \|/gm)].map((match) => match[1]);
  expect(keys).toEqual(Object.keys(settingsSchema.shape));
});

test("a row says type, default and what is allowed, with five cells whatever the text holds", () => {
  const row = page.split("\n").find((line) => line.startsWith("| `wgc:minServers` |"));
  expect(row).toBe("| `wgc:minServers` | integer | `3` | a whole number from 2 to 500 | Fewest servers. |");
  for (const line of page.split("\n").filter((text) => text.startsWith("| `wgc:")))
    expect(line.match(/(?<!\\)\|/g)).toHaveLength(6);
});

test("what cannot follow a change by itself says so", () => {
  const saying = (text: string) =>
    page.split("\n").flatMap((line) => (line.includes(text) ? [/`wgc:(\w+)`/.exec(line)?.[1]] : []));
  expect(saying("Not changeable after the first deployment.")).toEqual([
    "clusterName",
    "vpcId",
    "tunnelCidr",
  ]);
  expect(saying("After a change give clients their new configuration files (operations.md).")).toEqual([
    "listenPort",
    "dnsName",
    "clientRoutes",
    "clientDns",
    "mtu",
    "persistentKeepalive",
  ]);
});
