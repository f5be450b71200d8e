import type { SettingKey, Settings } from "./schema";

/** One thing that is wrong with a stack's configuration. */
export interface Fault {
  readonly key: SettingKey;
  /** What is wrong and why, completing "wgc:key is VALUE: ...". */
  readonly problem: string;
  /** A value that mends it. */
  readonly mend: string;
}

/** A check of several settings against each other; it runs only when all of them were valid on their own. */
export interface Check {
  readonly needs: readonly SettingKey[];
  readonly run: (settings: Settings) => readonly Fault[];
}

export function check<K extends SettingKey>(
  needs: readonly K[],
  run: (settings: Pick<Settings, K>) => readonly Fault[],
): Check {
  return { needs, run };
}

export const when = (wrong: boolean, fault: Fault): readonly Fault[] => (wrong ? [fault] : []);
