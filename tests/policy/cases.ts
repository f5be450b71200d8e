import { accessCases } from "./cases-access";
import { serverCases } from "./cases-servers";
import type { Case } from "./given";

/** For each rule a stack that keeps to it and one that does not, with everything that the rule must say. */
export const cases: readonly Case[] = [...accessCases, ...serverCases].sort((a, b) =>
  a.rule < b.rule ? -1 : 1,
);
