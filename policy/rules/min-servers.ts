import type { ResourceValidationPolicy } from "@pulumi/policy";
import { field, list, number, text } from "../read";
import { isProduction, productionSchema } from "../stack";

const GROUP = "aws:autoscaling/group:Group";
const FEWEST = 2;

/** Two servers in two zones, always: with one, every replacement is an outage. */
export const minServers: ResourceValidationPolicy = {
  name: "min-servers",
  description:
    "In production at least two servers in two zones serve at any time, and updates start new ones first.",
  enforcementLevel: "mandatory",
  remediationSteps:
    "Raise wgc:minServers and wgc:availabilityZoneCount to 2 or more; keep minHealthyPercentage at 100.",
  configSchema: productionSchema,
  validateResource: ({ type, urn, props, getConfig }, report) => {
    if (type !== GROUP || !isProduction(urn, getConfig())) return;
    const min = number(props, "minSize") ?? 0;
    if (min < FEWEST) report(`minSize is ${min}, below ${FEWEST}`);
    const places = Math.max(
      list(props, "vpcZoneIdentifiers").length,
      list(props, "availabilityZones").length,
    );
    if (places < FEWEST) report(`stands in ${places} zone, not in ${FEWEST} or more`);
    for (const [name, holder] of [
      ["instanceRefresh.preferences", field(field(props, "instanceRefresh"), "preferences")],
      ["instanceMaintenancePolicy", field(props, "instanceMaintenancePolicy")],
    ] as const) {
      const healthy = text(holder, "minHealthyPercentage");
      if (healthy !== "100") report(`${name}.minHealthyPercentage is ${healthy ?? "not set"}, not 100`);
    }
  },
};
