import type { ClockState } from "./clock-offset";
import type { DrainReport } from "./drain";
import type { Health } from "./health";

/** What `/healthz` says besides health itself; moments are monotonic. */
export interface ReportSource {
  readonly health: Health;
  /** How the drain goes; null while the server serves. */
  readonly drain: DrainReport | null;
  readonly publicKey: string;
  readonly applied: { readonly revision: number; readonly at: number } | undefined;
  readonly registryReadAt: number | undefined;
  readonly clock: ClockState;
  readonly peers: number;
  readonly sessions: { readonly live: number; readonly lost: number };
  readonly instance: string;
  readonly version: string;
}

/** The body of `/healthz`. Pure. */
export function healthReport(source: ReportSource, now: number) {
  const { health, publicKey, applied, registryReadAt, ...rest } = source;
  const secondsSince = (at: number | undefined) => (at === undefined ? null : Math.round((now - at) / 1000));
  return {
    ...health,
    /** The start of the server's public key. */
    key: publicKey.slice(0, 8),
    revision: applied?.revision ?? 0,
    /** Since this revision was applied here, and since the registry was last read without an error. */
    revisionAgeSeconds: secondsSince(applied?.at),
    registryAgeSeconds: secondsSince(registryReadAt),
    ...rest,
  };
}
