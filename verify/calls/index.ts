import type { PlannedResource } from "../../plan";
import { type Call, type Mappings, Take } from "./call";
import { monitoringCalls } from "./monitoring";
import { networkCalls } from "./network";
import { serverCalls } from "./servers";
import { storageCalls } from "./storage";

export type { Call } from "./call";

const mappings: Mappings = { ...monitoringCalls, ...networkCalls, ...serverCalls, ...storageCalls };
/** Resources that are made without a call of AWS. */
const WITHOUT_CALLS = new Set(["random:index/randomId:RandomId"]);

/** The calls that make a resource, and what of it no mapping knows. */
export function callsOf(resource: PlannedResource): { calls: readonly Call[]; unmapped: readonly string[] } {
  if (WITHOUT_CALLS.has(resource.type)) return { calls: [], unmapped: [] };
  const mapping = mappings[resource.type];
  if (mapping === undefined) return { calls: [], unmapped: [`${resource.type} is not in verify/calls`] };
  const take = new Take(resource.inputs);
  const calls = mapping(take);
  return { calls, unmapped: take.left().map((name) => `${resource.type}.${name} is not in verify/calls`) };
}
