import type { Plan } from "../plan";
import { callsOf } from "./calls";
import { policyFaults } from "./iam";
import { limitFaults } from "./limits";
import { inputFaults } from "./model";

/** Everything that sources outside of this project say against a resolved plan. */
export function planFaults(plan: Plan): string[] {
  const managed = plan.resources.filter(({ custom, external }) => custom && !external);
  return managed.flatMap((resource) => {
    const { calls, unmapped } = callsOf(resource);
    const requests = calls.flatMap(({ service, operation, input }) => inputFaults(service, operation, input));
    return [
      ...unmapped,
      ...requests.map((fault) => `${resource.name}: ${fault}`),
      ...policyFaults(resource),
      ...limitFaults(resource),
    ];
  });
}
