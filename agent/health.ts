import type { ClockState } from "./clock-offset";
import type { DeviceState } from "./device";
import type { StorageState } from "./storage-client";

/** Everything that health is judged by, as it is now. All times are in milliseconds. */
export interface HealthInput {
  /** Why this server drains; undefined while it serves. */
  readonly draining: string | undefined;
  /** Whether the peers have been applied at least once since the start. */
  readonly applied: boolean;
  /** How far the main loop is behind its own schedule, unless it is busy with a change. */
  readonly overdueMs: number;
  /** How long the running look at the interface has taken, and how long the last one took that succeeded. */
  readonly lookingMs: number;
  readonly lastLookMs: number;
  /** How long the running trial call of `wg` has been without an answer. */
  readonly toolWaitingMs: number;
  /** Why the probe's packets do not arrive; undefined while they do. */
  readonly probeProblem: string | undefined;
  readonly device: DeviceState | undefined;
  /** Why the interface could not be looked at. */
  readonly deviceError: string | undefined;
  /** Why the last change could not be applied. */
  readonly applyError: string | undefined;
  readonly expectedPublicKey: string;
  /** Whether that is another one than a moment ago: the interface and the probe follow. */
  readonly isKeyChanging: boolean;
  readonly expectedListenPort: number;
  readonly storage: StorageState;
  readonly registryProblems: readonly string[];
  readonly conflicts: readonly string[];
  readonly localCopyError: string | undefined;
  /** Why sessions cannot be taken over; undefined when they can, or are not meant to be. */
  readonly takeoverProblem: string | undefined;
  /** What is wrong with the replacement of the server key. */
  readonly serverKeyProblem: string | undefined;
  /** Why this server can no longer be one of the cluster's; undefined unless that is known for sure. */
  readonly leftBehind: string | undefined;
  /** What is wrong between the servers. */
  readonly clusterProblem: string | undefined;
  readonly clock: ClockState;
}

/** One thing that is looked at. A check returns the reason why it fails, or undefined. */
export interface Check {
  readonly name: string;
  /** So many beats in a row it must fail before a server that serves is taken out; 1 unless told. */
  readonly patience?: number;
  run(input: HealthInput): string | undefined;
}

/** How one check went. */
export interface CheckResult {
  readonly ok: boolean;
  readonly reason?: string;
}

/** How all checks went at one moment. */
export interface Findings {
  /** Deciding checks that fail, by name. */
  readonly failures: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** What `/healthz` says. */
export interface Health {
  readonly status: "ok" | "degraded" | "starting" | "draining" | "standby" | "unhealthy";
  readonly healthy: boolean;
  readonly reasons: readonly string[];
  readonly checks: Readonly<Record<string, CheckResult>>;
}

/** The loop pauses for 10 s at most; this much behind its schedule, it is stuck. */
export const OVERDUE_LIMIT_MS = 15_000;
/** A look at the interface is stuck after this time, and after this many times what the last one took. */
const LOOK_LIMIT_MS = 2000;
const LOOK_FACTOR = 10;
/** A call of `wg` takes milliseconds; this many are two beats. */
export const TOOL_LIMIT_MS = 1000;
/** Beats: 3 samples are 1 s apart from first to last, and a single lost packet is none of a fault. */
const PATIENCE = 3;
/** What is a wait by itself is confirmed once: a process that was stopped for a while sees one old wait, not two. */
const CONFIRMED = 2;

/** What a check says that only waits for the first result begins so. */
export const STARTING = "starting: ";

/**
 * Checks that decide whether the load balancer sends traffic here. None of them looks at anything that all servers share
 * (storage, internet, what the registry says): a shared cause must never take every server out at once. The one exception is
 * what the registry says about this server alone: that a rotation was finished without it, by a list of former keys that only
 * a finished rotation writes (see `decideRotation`).
 */
export const healthChecks: readonly Check[] = [
  { name: "serving", run: ({ draining }) => (draining === undefined ? undefined : `draining: ${draining}`) },
  {
    name: "applied",
    run: ({ applied }) => (applied ? undefined : `${STARTING}the clients have not been applied yet`),
  },
  { name: "loop", patience: CONFIRMED, run: stuckLoop },
  {
    name: "tool",
    run: ({ toolWaitingMs }) =>
      toolWaitingMs >= TOOL_LIMIT_MS ? `wg hangs: no answer for ${seconds(toolWaitingMs)}` : undefined,
  },
  {
    name: "interface",
    patience: PATIENCE,
    run: ({ device, deviceError }) => {
      if (deviceError !== undefined) return `WireGuard: ${deviceError}`;
      if (device === undefined) return `${STARTING}the WireGuard interface has not been looked at yet`;
      return device.up ? undefined : "the WireGuard interface is down or has no address";
    },
  },
  {
    name: "key",
    patience: PATIENCE,
    run: ({ device, expectedPublicKey, isKeyChanging }) =>
      isKeyChanging || device === undefined || device.dump.interface.publicKey === expectedPublicKey
        ? undefined
        : `the WireGuard interface has the public key ${device.dump.interface.publicKey ?? "(none)"}, expected ${expectedPublicKey}`,
  },
  {
    name: "listenPort",
    patience: PATIENCE,
    run: ({ device, expectedListenPort }) =>
      device === undefined || device.dump.interface.listenPort === expectedListenPort
        ? undefined
        : `WireGuard listens on port ${device.dump.interface.listenPort}, expected ${expectedListenPort}`,
  },
  // Both are this machine's own: a table that another tool flushed, a switch that another tool turned back.
  { name: "firewall", patience: PATIENCE, run: ({ device }) => device?.firewallProblem },
  { name: "forwarding", patience: PATIENCE, run: ({ device }) => device?.forwardingProblem },
  {
    name: "probe",
    patience: PATIENCE,
    run: ({ probeProblem, isKeyChanging }) => (isKeyChanging ? undefined : probeProblem),
  },
  { name: "leftBehind", run: ({ leftBehind }) => leftBehind },
];

function stuckLoop({ overdueMs, lookingMs, lastLookMs }: HealthInput): string | undefined {
  if (lookingMs > Math.max(LOOK_LIMIT_MS, LOOK_FACTOR * lastLookMs)) {
    return `the main loop is stuck: its look at the WireGuard interface has taken ${seconds(lookingMs)}, the last one ${seconds(lastLookMs)}`;
  }
  return overdueMs > OVERDUE_LIMIT_MS
    ? `the main loop is stuck: its pass over the clients is overdue by ${seconds(overdueMs)}`
    : undefined;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Checks whose failure is reported and counted, but leaves the server in service. */
export const degradedChecks: readonly Check[] = [
  {
    name: "storage",
    run: ({ storage }) =>
      storage === "stuck" ? "the shared storage does not answer; serving the last known clients" : undefined,
  },
  { name: "registry", run: ({ registryProblems }) => joined(registryProblems) },
  { name: "conflicts", run: ({ conflicts }) => joined(conflicts) },
  {
    // All servers get the same clients: what one cannot apply, none can.
    name: "apply",
    run: ({ applyError }) =>
      applyError === undefined ? undefined : `the last change of clients cannot be applied: ${applyError}`,
  },
  { name: "takeover", run: ({ takeoverProblem }) => takeoverProblem },
  { name: "serverKey", run: ({ serverKeyProblem }) => serverKeyProblem },
  { name: "cluster", run: ({ clusterProblem }) => clusterProblem },
  { name: "clock", run: ({ clock }) => clockProblem(clock) },
  { name: "localCopy", run: ({ localCopyError }) => localCopyError },
];

/** Runs all checks. Pure. */
export function findings(
  input: HealthInput,
  deciding: readonly Check[] = healthChecks,
  reporting: readonly Check[] = degradedChecks,
): Findings {
  const checks: Record<string, CheckResult> = {};
  const run = (list: readonly Check[]) =>
    list.flatMap((check): [string, string][] => {
      const reason = check.run(input);
      checks[check.name] = reason === undefined ? { ok: true } : { ok: false, reason };
      return reason === undefined ? [] : [[check.name, reason]];
    });
  const failures = new Map(run(deciding));
  return { failures, warnings: run(reporting).map(([, reason]) => reason), checks };
}

/** Whether nothing is wrong but that this server is not to serve. */
export function isSound({ checks }: Pick<Health, "checks">): boolean {
  return healthChecks.every(({ name }) => name === "serving" || checks[name]?.ok === true);
}

/** Whether nothing is wrong but that first results are still to come. */
export function isStarting({ failures }: Findings): boolean {
  return failures.size > 0 && [...failures.values()].every((reason) => reason.startsWith(STARTING));
}

/** At most five lines: the answer is read by load balancers and people, the log has the rest. */
function joined(problems: readonly string[]): string | undefined {
  if (problems.length === 0) return undefined;
  const more = problems.length > 5 ? `; and ${problems.length - 5} more` : "";
  return `${problems.slice(0, 5).join("; ")}${more}`;
}

/** A handshake that is dated so long before another server's is refused by the client for that long. */
const CLOCK_LIMIT_MS = 1000;

function clockProblem({ offsetMs = 0, synchronised = true, behindMs }: ClockState): string | undefined {
  const late = "a takeover may be that late; run `chronyc tracking`";
  if (offsetMs > CLOCK_LIMIT_MS)
    return `the clock is ${Math.round(offsetMs)} ms off its time source: ${late}`;
  if (behindMs > CLOCK_LIMIT_MS)
    return `the clock is ${Math.round(behindMs)} ms behind another server's: ${late}`;
  return synchronised ? undefined : "the clock follows no time source; run `chronyc sources`";
}
