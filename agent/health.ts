import type { DeviceState } from "./device";
import type { StorageState } from "./storage-client";

/** Everything that health is judged by, as it is now. All ages are in milliseconds. */
export interface HealthInput {
  /** Why this server drains; undefined while it serves. */
  readonly draining: string | undefined;
  /** Whether the peers have been applied at least once since the start. */
  readonly applied: boolean;
  /** How far the main loop is behind its own schedule. */
  readonly overdueMs: number;
  readonly device: DeviceState | undefined;
  readonly deviceError: string | undefined;
  readonly expectedPublicKey: string;
  readonly expectedListenPort: number;
  readonly storage: StorageState;
  readonly registryProblems: readonly string[];
  readonly conflicts: readonly string[];
  readonly localCopyError: string | undefined;
}

/** One thing that is looked at. A check returns the reason why it fails, or undefined. */
export interface Check {
  readonly name: string;
  run(input: HealthInput): string | undefined;
}

/** How one check went. */
export interface CheckResult {
  readonly ok: boolean;
  readonly reason?: string;
}

/** What `/healthz` says. */
export interface Health {
  readonly status: "ok" | "degraded" | "starting" | "draining" | "unhealthy";
  readonly healthy: boolean;
  readonly reasons: readonly string[];
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** A pass over all peers ends within seconds even with 100,000 of them; this much behind its schedule, the loop is stuck. */
export const OVERDUE_LIMIT_MS = 15_000;

/**
 * Checks that decide whether the load balancer sends traffic here. None of them looks at anything that all servers share
 * (storage, internet): a shared cause must never take every server out at once.
 */
export const healthChecks: readonly Check[] = [
  { name: "serving", run: ({ draining }) => (draining === undefined ? undefined : `draining: ${draining}`) },
  {
    name: "applied",
    run: ({ applied }) => (applied ? undefined : "starting: the clients have not been applied yet"),
  },
  {
    name: "loop",
    run: ({ overdueMs }) =>
      overdueMs > OVERDUE_LIMIT_MS
        ? `the main loop is stuck: its pass over the clients is overdue by ${Math.round(overdueMs / 1000)} s`
        : undefined,
  },
  {
    name: "interface",
    run: ({ device, deviceError }) => {
      if (deviceError !== undefined) return `WireGuard: ${deviceError}`;
      if (device === undefined) return "starting: the WireGuard interface has not been looked at yet";
      return device.up ? undefined : "the WireGuard interface is down";
    },
  },
  {
    name: "key",
    run: ({ device, expectedPublicKey }) =>
      device === undefined || device.dump.interface.publicKey === expectedPublicKey
        ? undefined
        : `the WireGuard interface has the public key ${device.dump.interface.publicKey ?? "(none)"}, expected ${expectedPublicKey}`,
  },
  {
    name: "listenPort",
    run: ({ device, expectedListenPort }) =>
      device === undefined || device.dump.interface.listenPort === expectedListenPort
        ? undefined
        : `WireGuard listens on port ${device.dump.interface.listenPort}, expected ${expectedListenPort}`,
  },
  // Both are this machine's own: a table that another tool flushed, a switch that another tool turned back.
  { name: "firewall", run: ({ device }) => device?.firewallProblem },
  { name: "forwarding", run: ({ device }) => device?.forwardingProblem },
];

/** Checks whose failure is reported and counted, but leaves the server in service. */
export const degradedChecks: readonly Check[] = [
  {
    name: "storage",
    run: ({ storage }) =>
      storage === "stuck" ? "the shared storage does not answer; serving the last known clients" : undefined,
  },
  { name: "registry", run: ({ registryProblems }) => joined(registryProblems) },
  { name: "conflicts", run: ({ conflicts }) => joined(conflicts) },
  { name: "localCopy", run: ({ localCopyError }) => localCopyError },
];

/** Judges a server's health. Pure. */
export function evaluateHealth(
  input: HealthInput,
  deciding: readonly Check[] = healthChecks,
  reporting: readonly Check[] = degradedChecks,
): Health {
  const checks: Record<string, CheckResult> = {};
  const run = (list: readonly Check[]) =>
    list.flatMap((check) => {
      const reason = check.run(input);
      checks[check.name] = reason === undefined ? { ok: true } : { ok: false, reason };
      return reason ?? [];
    });
  const failures = run(deciding);
  const warnings = run(reporting);
  const healthy = failures.length === 0;
  return {
    status: statusOf(input, healthy, warnings.length > 0),
    healthy,
    reasons: [...failures, ...warnings],
    checks,
  };
}

function statusOf(input: HealthInput, healthy: boolean, degraded: boolean): Health["status"] {
  if (input.draining !== undefined) return "draining";
  if (healthy) return degraded ? "degraded" : "ok";
  return input.applied || input.deviceError !== undefined ? "unhealthy" : "starting";
}

/** At most five lines: the answer is read by load balancers and people, the log has the rest. */
function joined(problems: readonly string[]): string | undefined {
  if (problems.length === 0) return undefined;
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
  return `${problems.slice(0, 5).join("; ")}${more}`;
}
