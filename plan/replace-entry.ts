/** How {@link replaceTable} describes one type. */
export interface ReplaceEntry {
  /** Inputs of the Pulumi resource. */
  readonly replace: readonly string[];
  /** Inputs that only cause it when the change takes something away; see {@link Condition}. */
  readonly conditions?: Readonly<Record<string, Condition>>;
  /** File below `internal/service` of hashicorp/terraform-provider-aws, or another provider's. */
  readonly source: string;
  /** The type's name in CloudFormation, where it has one. */
  readonly cloudFormation?: string;
  /** CloudFormation's names of inputs that are called otherwise there. */
  readonly names?: Readonly<Record<string, string>>;
}

/**
 * `shrinks`: an element of the list goes or changes (adding one is an update). `empties`: the list changes between empty and not
 * empty. Both are `customizeDiffLoadBalancerNLB`: a Network Load Balancer cannot leave a zone or change an address there, and gets
 * or loses security groups only when it is made.
 */
export type Condition = "shrinks" | "empties";
