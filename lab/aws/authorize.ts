/** Whether the servers' role may make a call, worked out from the plan's policies. Pure. */
import type { LabModel } from "../model";
import { isAllowed } from "../rights";
import type { Ec2Call } from "./ec2";
import { ApiError } from "./query";

const ACCOUNT = "123456789012";
const KINDS: Readonly<Record<string, string>> = { rtb: "route-table", eni: "network-interface" };

/**
 * @throws ApiError `UnauthorizedOperation` when the policies do not allow it
 * @throws UserError when they ask for something that the lab does not know
 */
export function authorize(
  { rights, region, vpc }: Pick<LabModel, "rights" | "region" | "vpc">,
  instance: string,
  call: Ec2Call,
): void {
  const arn = (what: string): string => `arn:aws:ec2:${region}:${ACCOUNT}:${what}`;
  const common = {
    "aws:RequestedRegion": region,
    "ec2:Region": region,
    "aws:ResourceAccount": ACCOUNT,
    "ec2:Vpc": arn(`vpc/${vpc.id}`),
    "ec2:SourceInstanceARN": arn(`instance/${instance}`),
  };
  // A call that is about no single resource is about all of them (service authorization reference, Amazon EC2).
  const resources = call.resources.length > 0 ? call.resources : [undefined];
  const allowed = resources.every((id) => {
    const tags = id === undefined ? {} : tagsOf({ rights, vpc }, id);
    const resource = id === undefined ? "*" : arn(`${KINDS[id.split("-")[0] ?? ""]}/${id}`);
    const facts = Object.entries(tags).flatMap(([key, value]) =>
      ["aws", "ec2"].map((service) => [`${service}:ResourceTag/${key}`, value]),
    );
    return isAllowed(rights.statements, {
      action: `ec2:${call.action}`,
      resource,
      facts: { ...common, ...call.facts, ...Object.fromEntries(facts) },
    });
  });
  if (!allowed)
    throw new ApiError(
      "UnauthorizedOperation",
      `You are not authorized to perform this operation. The role of ${instance} may not call ec2:${call.action}` +
        `${call.resources.length > 0 ? ` on ${call.resources.join(", ")}` : ""}.`,
      403,
    );
}

function tagsOf(
  { rights, vpc }: Pick<LabModel, "rights" | "vpc">,
  id: string,
): Readonly<Record<string, string>> {
  if (id.startsWith("eni-")) return rights.interfaceTags;
  return vpc.routeTables.find((table) => table.id === id)?.tags ?? {};
}
