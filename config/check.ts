import type { SettingKey, Settings } from "./schema";

/** One thing that is wrong with a stack's configuration. */
export interface Fault {
  readonly key: SettingKey;
  /** What is wrong and why, completing "wgc:key is VALUE: it ...". */
  readonly problem: string;
  /** A value that mends it. */
  readonly mend: string;
}

/** A check of several settings against each other; it runs only when all of them were valid on their own. */
export interface Check {
  readonly needs: readonly SettingKey[];
  readonly run: (settings: Settings) => readonly Fault[];
}

/** A check that reads these settings and no others. */
export function check<K extends SettingKey>(
  needs: readonly K[],
  run: (settings: Pick<Settings, K>) => readonly Fault[],
): Check {
  return { needs, run };
}

/** The fault, where there is one. */
export const when = (wrong: boolean, fault: Fault): readonly Fault[] => (wrong ? [fault] : []);

/** Ranges that no host has (RFC 6890): "this network", loopback, link-local, and from 224 on multicast and reserved. */
export const NO_HOSTS = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"];
