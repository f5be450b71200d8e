import { formatRange, parseRange } from "../config/cidr";
import { UserError } from "../config/errors";

/** The most zones that a layout has room for; it is fixed so that adding a zone moves no existing subnet. */
export const MAX_ZONES = 4;

/** One private and one public range for each zone, in zone order. */
export interface SubnetLayout {
  readonly privateRanges: readonly string[];
  readonly publicRanges: readonly string[];
}

/**
 * Divides a VPC between zones: each zone owns a quarter of it, whatever the number of zones, of which the first half is its
 * private subnet, the third quarter its public one, and the last is kept free. 10.0.0.0/16 gives private /19 and public /20.
 */
export function subnetLayout(vpcCidr: string, zones: number): SubnetLayout {
  const vpc = parseRange(vpcCidr);
  if (vpc === undefined || vpc.prefix < 16 || vpc.prefix > 24) {
    throw new UserError(`vpcCidr is ${vpcCidr}: it must be an IPv4 range with a prefix from /16 to /24`);
  }
  if (!Number.isInteger(zones) || zones < 2 || zones > MAX_ZONES) {
    throw new UserError(`availabilityZoneCount is ${zones}: it must be 2, 3 or 4`);
  }
  const quarter = 2 ** (32 - vpc.prefix - 2);
  const starts = Array.from({ length: zones }, (_, index) => vpc.first + index * quarter);
  return {
    privateRanges: starts.map((start) => formatRange(start, vpc.prefix + 3)),
    publicRanges: starts.map((start) => formatRange(start + quarter / 2, vpc.prefix + 4)),
  };
}
