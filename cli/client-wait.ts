/** Waiting until every server has a change. */

import { UserError } from "../config/errors";
import type { NodeView } from "../control/answers";
import { EXIT } from "./exit-codes";
import { asUserError } from "./failure";
import type { Control, Operator } from "./operator";
import { duration } from "./output";

/** A server writes its record every ten seconds at least; one that has missed three is not there to be waited for. */
export const SILENT_SECONDS = 35;

/** How often the servers' records are read. */
const POLL_MS = 250;

/** What came of waiting; a stable part of `--json`. */
export interface WaitReport {
  readonly complete: boolean;
  /** From the request to the last server, or to giving up. */
  readonly seconds: number;
  /** Servers that have the change. */
  readonly servers: readonly string[];
  /** Servers that are there and have not applied it. */
  readonly behind: readonly string[];
  /** Servers whose record is too old to be waited for. */
  readonly silent: readonly string[];
}

function sorted(nodes: readonly NodeView[], has: (node: NodeView) => boolean): string[] {
  return nodes
    .filter(has)
    .map((node) => node.instance)
    .sort();
}

/**
 * Polls the servers' records until all that are there have the revision.
 *
 * @param since when the change was asked for, on {@link Operator.elapsed}'s clock
 */
export async function waitForServers(
  operator: Operator,
  control: Control,
  revision: number,
  limitSeconds: number,
  since: number,
): Promise<WaitReport> {
  const end = operator.elapsed() + limitSeconds * 1000;
  for (;;) {
    const { nodes } = (await control.call("status", {})).result;
    const silent = (node: NodeView): boolean => node.ageSeconds > SILENT_SECONDS && node.revision < revision;
    const live = nodes.filter((node) => !silent(node));
    const behind = sorted(live, (node) => node.revision < revision);
    const servers = sorted(live, (node) => node.revision >= revision);
    const over = live.length === 0 || operator.elapsed() >= end;
    if (behind.length > 0 && !over) {
      await operator.sleep(POLL_MS);
      continue;
    }
    const seconds = Math.round(operator.elapsed() - since) / 1000;
    const complete = servers.length > 0 && behind.length === 0;
    return { complete, seconds, servers, behind, silent: sorted(nodes, silent) };
  }
}

/** Waits when `--wait` says so, and sets the exit code when not every server has followed. */
export async function waitIfAsked(
  operator: Operator,
  control: Control,
  revision: number,
  limitSeconds: number | undefined,
  since: number,
): Promise<WaitReport | null> {
  if (limitSeconds === undefined) return null;
  try {
    const report = await waitForServers(operator, control, revision, limitSeconds, since);
    if (!report.complete) operator.exit(EXIT.findings);
    return report;
  } catch (error) {
    const known = asUserError(error);
    const reason = known instanceof Error ? known.message : String(known);
    throw new UserError(
      `the change is made (revision ${revision}), but whether the servers have it is not known: ${reason}; look with: ./wgc status`,
      { exitCode: EXIT.findings, cause: error },
    );
  }
}

/** What came of waiting, in sentences. */
export function renderWait(report: WaitReport): string {
  const { servers, behind, silent } = report;
  const count = (names: readonly string[]): string =>
    names.length === 1 ? "1 server" : `${names.length} servers`;
  const lines: string[] = [];
  if (report.complete) lines.push(`on ${count(servers)} after ${duration(report.seconds * 1000)}`);
  else if (behind.length > 0)
    lines.push(
      `gave up waiting after ${duration(report.seconds * 1000)}: ${behind.join(", ")} ${behind.length === 1 ? "has" : "have"} not applied it (${count(servers)} of ${servers.length + behind.length} did); look with: ./wgc status`,
    );
  else lines.push("no server is there to apply it; the next one that starts will");
  if (silent.length > 0)
    lines.push(`not waited for: ${silent.join(", ")} (no sign of life for more than ${SILENT_SECONDS} s)`);
  return lines.join("\n");
}
