import { checkValue, replaceFile, toJson } from "./files";
import type { Ledger } from "./ledger";
import { digestOf } from "./mend";
import { readCluster } from "./reader";
import { portOf, portsOf, readRotation, withPort } from "./rotation-files";
import { refusal } from "./rules";
import { type ClusterFile, clusterFileSchema, clusterSettingsSchema } from "./schema";
import { type ChangeContext, type Changed, changedFields } from "./session";

/** Records that the registry was made, unless something has been recorded before. */
export function recordInit(ledger: Ledger, publicKey: string, context: ChangeContext): Promise<void> {
  return ledger.locked({ operation: "init" }, async (session) => {
    if (session.sequence > 0) return;
    await session.recordOther("init", context, { subject: "registry", changed: [], claims: [publicKey] });
    await session.announce([]);
  });
}

/** See `RegistryWriter.setCluster`. */
export async function writeCluster(
  ledger: Ledger,
  wanted: ClusterFile,
  context: ChangeContext,
): Promise<Changed<ClusterFile>> {
  const path = ledger.paths.cluster;
  const checked = checkValue(path, clusterSettingsSchema, wanted);
  return ledger.change("set-cluster", wanted, context, { operation: "set-cluster" }, async (session) => {
    const there = await readCluster(ledger.root);
    for (const field of ["cluster", "tunnelIpv4"] as const) {
      if (there[field] !== checked[field])
        throw refusal(path, field, `is ${there[field]} and cannot change: clients depend on it`, "conflict");
    }
    const wish = { ...there, ...checked, ...endpointOf(there, checked) };
    const after = checkValue(path, clusterFileSchema, wish); // what cannot be read back is never written
    const changed = changedFields(there, after);
    if (changed.length === 0) return { answer: () => there, steps: [] };
    await assertReachable(ledger.root, after, path);
    const moves = portOf(after.endpoint) !== portOf(there.endpoint);
    if (moves && (await readRotation(ledger.root)) !== undefined) {
      throw refusal(path, "endpoint", "cannot get other ports while the server key is rotated", "conflict");
    }
    const text = toJson(after);
    await session.recordOther("set-cluster", context, {
      subject: "cluster",
      changed,
      digest: digestOf(text),
    });
    await replaceFile(path, text, { mode: 0o644 });
    await session.finishOther("set-cluster", after);
    return { answer: () => after, steps: [] };
  });
}

/** The second port must not go while a key is served there: all of its clients would be cut off. */
async function assertReachable(root: string, after: ClusterFile, path: string): Promise<void> {
  if (after.bothPorts !== false) return;
  const [first, second] = portsOf(after);
  const served = [portOf(after.endpoint), (await readRotation(root))?.next.port];
  if (!served.includes(second)) return;
  const problem = `cannot be turned off: clients use UDP port ${second}; rotate the server key once more, which brings them back to ${first}, then turn wgc:serverKeyRotation off`;
  throw refusal(path, "bothPorts", problem, "conflict");
}

/** The configured endpoint has the first of the two ports; the generation of the server key decides which one counts. */
function endpointOf(there: ClusterFile, wanted: ClusterFile): Pick<ClusterFile, "endpoint" | "ports"> {
  if (there.ports === undefined) return { endpoint: wanted.endpoint };
  const second = portOf(there.endpoint) === portsOf(there)[1];
  const first = portOf(wanted.endpoint);
  return {
    endpoint: withPort(wanted.endpoint, second ? first + 1 : first),
    ports: [first, first + 1],
  };
}
