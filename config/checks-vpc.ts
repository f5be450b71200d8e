import { type Check, check, type Fault, when } from "./check";

const LISTS = ["publicSubnetIds", "privateSubnetIds"] as const;

/** Settings about a VPC that exists already; whether it is as they say is looked up when deploying (components/existing-vpc.ts). */
export const EXISTING_VPC: readonly Check[] = [
  ...LISTS.map((key) =>
    check(
      ["vpcId", key, "availabilityZoneCount"],
      ({ vpcId, [key]: ids, availabilityZoneCount }): readonly Fault[] => {
        if (vpcId === "")
          return when(ids.length > 0, {
            key,
            problem:
              "must be empty while wgc:vpcId is: without an existing VPC the program makes the subnets",
            mend: '""',
          });
        return when(ids.length !== availabilityZoneCount, {
          key,
          problem: `must name one subnet a zone, ${availabilityZoneCount} as wgc:availabilityZoneCount says, while wgc:vpcId is ${vpcId}`,
          mend: Array.from(
            { length: availabilityZoneCount },
            (_, index) => `subnet-0123456789abcdef${index}`,
          ).join(","),
        });
      },
    ),
  ),
  check(["publicSubnetIds", "privateSubnetIds"], ({ publicSubnetIds, privateSubnetIds }) => {
    const both = privateSubnetIds.filter((id) => publicSubnetIds.includes(id));
    return when(both.length > 0, {
      key: "privateSubnetIds",
      problem: `must not name subnets of wgc:publicSubnetIds (${both.join(", ")})`,
      mend: privateSubnetIds.filter((id) => !both.includes(id)).join(",") || '""',
    });
  }),
  check(["vpcId", "natGateways"], ({ vpcId, natGateways }) =>
    when(vpcId !== "" && natGateways !== "none", {
      key: "natGateways",
      problem: `must be none while wgc:vpcId is ${vpcId}: the program changes no routes of a VPC that it did not make`,
      mend: "none",
    }),
  ),
  check(["vpcId", "availabilityZones"], ({ vpcId, availabilityZones }) =>
    when(vpcId !== "" && availabilityZones.length > 0, {
      key: "availabilityZones",
      problem: `must be empty while wgc:vpcId is ${vpcId}: the subnets say which zones`,
      mend: '""',
    }),
  ),
  check(["vpcId", "addressing", "routeTables"], ({ vpcId, addressing, routeTables }) =>
    when(vpcId !== "" && addressing === "routed" && routeTables.length === 0, {
      key: "routeTables",
      problem: `must name the tables that carry wgc:tunnelCidr while wgc:addressing is routed and wgc:vpcId is ${vpcId}: the program has none of its own there`,
      mend: "rtb-0123456789abcdef0=us-east-1a",
    }),
  ),
];
