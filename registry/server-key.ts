import { generateKeyPair } from "../wireguard/keys";
import { listMoved } from "./confirmed";
import { RegistryError } from "./errors";
import { createFile } from "./files";
import { type KeyHolders, keyHolders } from "./key-holders";
import { lastStep, stepPhrase } from "./last-step";
import { runtimeOf } from "./layout";
import { Ledger } from "./ledger";
import { readCluster, readServerKeys, scanClients } from "./reader";
import {
  nextKeyProblem,
  portOf,
  portsOf,
  readFormerKeys,
  readRotation,
  settleRotation,
  withPort,
  writeRotation,
} from "./rotation-files";
import { isPast } from "./rules";
import type { ClientFile, RotationFile } from "./schema";
import type { ChangeContext, Changed, Session, WriterOptions } from "./session";

export { portsOf, readFormerKeys, readNextKey, readRotation } from "./rotation-files";

/** A server key and where it is served. */
export interface ServedKey {
  readonly publicKey: string;
  readonly endpoint: string;
}

/** Where the rotation of the server key stands; which servers are without a key means the next one, or the only one there is. */
export interface RotationState extends KeyHolders {
  readonly phase: "steady" | "rotating";
  readonly current: ServedKey;
  readonly next?: ServedKey;
  readonly startedAt?: string;
  /** Active clients by whether they have used the next key. */
  readonly moved: number;
  readonly waiting: number;
  /** Names of clients that have not, in order, at most 1,000. */
  readonly waitingFor: readonly string[];
}

/** Names that {@link RotationState.waitingFor} has at most. */
const NAMES = 1000;

/** Whether a client may connect. */
export function isActiveClient(client: ClientFile, now: Date): boolean {
  return client.revokedAt === undefined && (client.expiresAt === undefined || !isPast(client.expiresAt, now));
}

/**
 * Where the rotation stands. A rotation that is being finished or aborted is over as far as anybody may rely on: the next writer
 * completes it. @param clients all of them, where the caller knows them; they are read otherwise, while keys rotate.
 */
export async function rotationState(
  root: string,
  now: Date,
  clients?: Iterable<ClientFile>,
): Promise<RotationState> {
  const [cluster, keys, rotation] = [
    await readCluster(root),
    await readServerKeys(root),
    await readRotation(root),
  ];
  const current = { publicKey: keys.publicKey, endpoint: cluster.endpoint };
  if (rotation?.phase !== "rotating") {
    // A rotation that is being finished has replaced the key as soon as the servers have followed.
    const wanted = rotation?.phase === "finishing" ? rotation.next.publicKey : keys.publicKey;
    const holders = await keyHolders(runtimeOf(root), wanted, now);
    return { phase: "steady", current, moved: 0, waiting: 0, waitingFor: [], ...holders };
  }
  const { next, startedAt } = rotation;
  const done = await listMoved(runtimeOf(root), next.publicKey);
  const active = [...(clients ?? (await scanClients(root)).clients)].filter((client) =>
    isActiveClient(client, now),
  );
  const hasMoved = ({ publicKey, previous }: ClientFile): boolean =>
    done.has(publicKey) || (previous !== undefined && done.has(previous.publicKey));
  const waiting = active.flatMap((client) => (hasMoved(client) ? [] : client.name)).sort();
  return {
    phase: "rotating",
    current,
    next: { publicKey: next.publicKey, endpoint: withPort(cluster.endpoint, next.port) },
    startedAt,
    moved: active.length - waiting.length,
    waiting: waiting.length,
    waitingFor: waiting.slice(0, NAMES),
    ...(await keyHolders(runtimeOf(root), next.publicKey, now)),
  };
}

/** Makes the next key pair and publishes it beside the current one, at the other port. Safe to repeat while it goes on. */
export async function beginRotation(
  root: string,
  context: ChangeContext,
  options: WriterOptions = {},
): Promise<Changed<RotationState>> {
  return step(root, options, "server-key begin", context, async (session) => {
    if ((await readRotation(root)) !== undefined) return;
    const cluster = await readCluster(root);
    const [first, second] = portsOf(cluster);
    if (cluster.bothPorts === false) {
      const problem = `the server key cannot be rotated: the load balancer does not listen on UDP port ${second}, where the next key would be served`;
      const remedy = "set wgc:serverKeyRotation to true and deploy, then begin";
      throw new RegistryError(session.paths.cluster, problem, "conflict", remedy);
    }
    const port = portOf(cluster.endpoint) === first ? second : first;
    if (port > 65_535) {
      const problem = `endpoint has the last port there is, ${first}; the next key needs the port after it`;
      const remedy = "give the cluster an endpoint with a lower port first";
      throw new RegistryError(session.paths.cluster, problem, "conflict", remedy);
    }
    const { privateKey, publicKey } = generateKeyPair();
    const startedAt = session.now.toISOString();
    const rotation: RotationFile = { schema: 1, phase: "rotating", next: { publicKey, port }, startedAt };
    await record(session, "server-key begin", context, publicKey);
    await session.lock.assertHeld();
    await createFile(session.paths.nextKey, `${privateKey}\n`, { mode: 0o600 });
    await writeRotation(session, rotation);
  });
}

/**
 * Makes the next key the only one. Refused, unless `force`, while active clients have not used it: they would be cut off until they
 * get a new configuration; and while a server that is there has not got it: it would be left behind with the former key and have
 * to be replaced.
 */
export async function finishRotation(
  root: string,
  context: ChangeContext,
  { force = false, ...options }: WriterOptions & { readonly force?: boolean } = {},
): Promise<Changed<RotationState>> {
  return step(root, options, "server-key finish", context, async (session) => {
    if (wasCompleted(session, "server-key finish")) return;
    const rotation = await current(session);
    await readFormerKeys(root); // a list that cannot be read is mended before the key is put on it
    const damage = await nextKeyProblem(root, rotation);
    if (damage !== undefined) throw damage; // before anything is recorded: until then abort gives the rotation up
    if (!force) assertReady(session, await rotationState(root, session.now));
    await record(session, "server-key finish", context, rotation.next.publicKey);
    await writeRotation(session, { ...rotation, phase: "finishing" });
    await settleRotation(session);
  });
}

function assertReady({ paths }: Session, state: RotationState): void {
  const { waiting, waitingFor, serversWithout } = state;
  const some = (names: readonly string[], count = names.length): string =>
    names.slice(0, 5).join(", ") + (count > 5 ? ", ..." : "");
  if (waiting > 0) {
    throw new RegistryError(
      paths.rotation,
      `${waiting} active ${waiting === 1 ? "client has" : "clients have"} not used the next key: ${some(waitingFor, waiting)}`,
      "conflict",
      "hand out their new configurations, revoke them, or finish with force, which cuts them off",
      "force",
    );
  }
  if (serversWithout.length === 0) return;
  const servers = serversWithout.length === 1 ? "1 server has" : `${serversWithout.length} servers have`;
  throw new RegistryError(
    paths.rotation,
    `${servers} not said that the next key is served there: ${some(serversWithout)}`,
    "conflict",
    "wait a moment and look at ./wgc status, or finish with force: such a server goes out of service and has to be replaced",
    "force",
  );
}

/** Takes the next key back; clients that have moved to it need their former configuration again. */
export async function abortRotation(
  root: string,
  context: ChangeContext,
  options: WriterOptions = {},
): Promise<Changed<RotationState>> {
  return step(root, options, "server-key abort", context, async (session) => {
    if (wasCompleted(session, "server-key abort")) return;
    const rotation = await current(session);
    await record(session, "server-key abort", context, rotation.next.publicKey);
    await writeRotation(session, { ...rotation, phase: "aborting" });
    await settleRotation(session);
  });
}

/** Whether taking the lock completed this step, which had been interrupted: then it is not begun once more. */
function wasCompleted({ completed }: Session, operation: string): boolean {
  return completed.some((entry) => entry.operation === operation);
}

async function current({ root, paths }: Session): Promise<RotationFile> {
  const rotation = await readRotation(root);
  if (rotation !== undefined) return rotation;
  // Whoever repeats a step because its answer was lost must not take "begin one" for the next step.
  const last = await lastStep(root, ({ subject }) => subject === "server-key");
  const problem = "no rotation of the server key is going on";
  if (last === undefined) throw new RegistryError(paths.rotation, problem, "conflict", "begin one");
  throw new RegistryError(
    paths.rotation,
    `${problem}; the last step of one was ${stepPhrase(last)}`,
    "conflict",
    "if that was this step, there is nothing left to do: see ./wgc server-key status",
  );
}

function record(session: Session, operation: string, context: ChangeContext, next: string): Promise<void> {
  const named = { ...context, operation };
  return session.recordOther(operation, named, {
    subject: "server-key",
    changed: ["serverKey"],
    claims: [next],
  });
}

async function step(
  root: string,
  options: WriterOptions,
  operation: string,
  context: ChangeContext,
  work: (session: Session) => Promise<void>,
): Promise<Changed<RotationState>> {
  const ledger = new Ledger(root, options);
  const done = await ledger.change(operation, {}, context, { operation }, async (session) => {
    await work(session);
    await session.finishOther(operation, null);
    return { answer: () => null, steps: [] };
  });
  return { ...done, value: await rotationState(root, ledger.now()) };
}
