import { headText, parseHead, readAudit, verifyAudit } from "../../registry/audit";
import { checkRegistry } from "../../registry/check";
import { RegistryError } from "../../registry/errors";
import { readNodes } from "../../registry/nodes";
import { readChanges, readCluster, readServerKeys } from "../../registry/reader";
import type { NodeFile } from "../../registry/schema";
import type { AuditEntryView, CheckFinding, NodeView } from "../answers";
import { fitPage, leftOut, PAGE_BYTES, viewOf } from "../views";
import type { Perform } from "./context";

/** Makes the registry where there is none; takes changed settings over where there is one. */
export const init: Perform<"init"> = async ({ cluster }, { writer, change }) => {
  const { value, revision } = await writer.init({ schema: 1, ...cluster }, change);
  return { revision, result: value };
};

/** Takes clients of another system over. */
export const importClients: Perform<"import"> = async ({ clients, dryRun, promised }, { writer, change }) => {
  const { value, revision } = await writer.importClients(clients, { dryRun, promised }, change);
  return { revision, result: { outcomes: value, dryRun } };
};

/** A page of everything about clients but their secrets. */
export const exportClients: Perform<"export"> = async (input, { root, index, now }) => {
  const { revision } = await readChanges(root);
  const [cluster, { publicKey }] = [await readCluster(root), await readServerKeys(root)];
  const page = await index.page(input, now);
  const { items, ...next } = fitPage({
    items: page.clients.map((client) => viewOf(client, now)),
    next: page.next,
  });
  return {
    revision,
    result: {
      cluster: {
        cluster: cluster.cluster,
        endpoint: cluster.endpoint,
        publicKey,
        tunnelIpv4: cluster.tunnelIpv4,
      },
      clients: items,
      ...next,
      ...leftOut(page.broken),
    },
  };
};

/** Looks for problems of the registry, and mends those that can be mended. */
export const check: Perform<"check"> = async ({ repair }, { root, runtime, writerOptions, change }) => {
  const { findings, clients } = await checkRegistry(root, runtime, {
    ...writerOptions,
    repair,
    context: change,
  });
  // A feed that is broken or missing is among the findings; then there is no revision to tell.
  const { revision, audit: end } = await readChanges(root).catch((error: unknown) => {
    if (error instanceof RegistryError) return { revision: 0, audit: undefined };
    throw error;
  });
  const head = end === undefined ? {} : { head: headText(end) };
  return { revision, result: { findings: fitFindings(findings), clients, ...head } };
};

/** What each server last applied. */
export const status: Perform<"status"> = async (_, { root, runtime, now }) => {
  // Before the records: a server that is seen to be current has at least this revision.
  const { revision } = await readChanges(root);
  const [cluster, nodes] = [await readCluster(root), await readNodes(runtime)];
  return {
    revision,
    result: {
      cluster: cluster.cluster,
      endpoint: cluster.endpoint,
      nodes: nodes.map((node) => nodeView(node, revision, now)),
    },
  };
};

/** A page of the audit log, and whether all of it still holds. */
export const audit: Perform<"audit"> = async ({ head: kept, ...page }, { root }) => {
  const { revision } = await readChanges(root);
  const { entries, next } = await readAudit(root, page);
  const { intact, problem, head } = await verifyAudit(root, kept === undefined ? undefined : parseHead(kept));
  return {
    revision,
    result: {
      entries: entries.map(auditView),
      ...(next === undefined ? {} : { next }),
      intact,
      ...(problem === undefined ? {} : { problem }),
      ...(head === undefined ? {} : { head: headText(head) }),
    },
  };
};

/** An entry without what only the next writer needs. */
function auditView(entry: Awaited<ReturnType<typeof readAudit>>["entries"][number]): AuditEntryView {
  const { sequence, time, who, operation, client, before, after, changed, invocation, hash } = entry;
  return {
    sequence,
    time,
    who,
    operation,
    ...(client === undefined ? {} : { client }),
    before,
    after,
    changed,
    ...(invocation === undefined ? {} : { invocation }),
    hash,
  };
}

function nodeView(node: NodeFile, revision: number, now: Date): NodeView {
  const { instance, peers, healthy, version, time, problems = [], serverKey, nextServerKey } = node;
  // A server's clock may be a little ahead of this one.
  const ageSeconds = Math.max(0, Math.round((now.getTime() - Date.parse(time)) / 1000));
  const current = node.revision === revision;
  return {
    ...{ instance, revision: node.revision, peers, healthy, version, time, ageSeconds, current, problems },
    ...(serverKey === undefined ? {} : { serverKey }),
    ...(nextServerKey === undefined ? {} : { nextServerKey }),
  };
}

/** As many findings as an answer holds; the last one says how many there are beyond. */
function fitFindings(findings: readonly CheckFinding[]): readonly CheckFinding[] {
  const named = findings.map((finding) => ({ ...finding, name: "" }));
  const { items } = fitPage({ items: named }, PAGE_BYTES);
  if (items.length === findings.length) return findings;
  const rest = findings.length - items.length;
  return [
    ...findings.slice(0, items.length),
    {
      path: "",
      problem: `${rest} more findings do not fit into an answer`,
      remedy: "mend these, then check again",
      repairable: false,
      repaired: false,
    },
  ];
}
