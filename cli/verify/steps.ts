/** The smoke test of a cluster that runs: what is tried, in which order, and what is put back whatever happens. */
import { UserError } from "../../config/errors";

/** A client that is connected for the test. */
export interface TestClient {
  /** Milliseconds of one handshake by way of each address; undefined where no answer came. */
  handshakes(): Promise<readonly { readonly address: string; readonly ms: number | undefined }[]>;
  /** Longest time without an answer, in milliseconds, while something goes on. */
  longestGap(during: () => Promise<void>): Promise<number>;
  /** The server that it is on; undefined where that cannot be known. */
  server(): Promise<string | undefined>;
  /** Takes the client away: from this machine and from the registry. */
  remove(): Promise<void>;
}

/** What one server says of itself. */
export interface ServerHealth {
  readonly status: string;
  readonly reasons: readonly string[];
}

/** A cluster, deployed or in the lab. */
export interface VerifyWorld {
  readonly label: string;
  addresses(): Promise<readonly string[]>;
  servers(): Promise<readonly string[]>;
  join(name: string): Promise<TestClient>;
  health(server: string): Promise<ServerHealth>;
  drain(server: string, on: boolean): Promise<void>;
  /** Rejects when the signal says that the operator has had enough. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export interface Step {
  readonly step: "endpoint" | "client" | "handshake" | "health" | "drain" | "cleanup";
  readonly ok: boolean;
  /** What was found, in words. */
  readonly found: string;
}

export interface VerifyReport {
  readonly label: string;
  readonly ok: boolean;
  readonly steps: readonly Step[];
}

/** The load balancer needs two failed checks, 10 s, and by field reports up to 40 s until flows move (docs/architecture.md, recovery times). */
export const DRAIN_WATCH_MS = 60_000;
/** A client's own timers give it 15 s without takeover; more is a client that was cut off. */
export const LONGEST_GAP_MS = 20_000;

/** How a test goes. */
export interface VerifyOptions {
  /** The name of the client that is added. */
  readonly name: string;
  /** Whether a server is drained, too. */
  readonly drain: boolean;
  readonly progress: (text: string) => void;
  /** The operator's wish to stop: no step begins after it, and what was begun is put back. */
  readonly signal: AbortSignal;
}

/** Runs all steps; a step that fails ends the test, and what was begun is put back. */
export async function verifyCluster(world: VerifyWorld, options: VerifyOptions): Promise<VerifyReport> {
  const { progress, signal } = options;
  const steps: Step[] = [];
  const undo: { readonly what: string; readonly run: () => Promise<void> }[] = [];
  const attempt = async (step: Step["step"], what: string, work: () => Promise<string>): Promise<void> => {
    progress(`${step}: ${what} ...`);
    try {
      if (signal.aborted && step !== "cleanup") throw new UserError("interrupted");
      steps.push({ step, ok: true, found: await work() });
    } catch (error) {
      steps.push({ step, ok: false, found: reason(error) });
      throw new Stop();
    }
  };
  try {
    await walk(world, options, attempt, undo);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
  }
  for (const { what, run } of undo.reverse())
    await attempt("cleanup", what, async () => run().then(() => what)).catch(() => undefined);
  return { label: world.label, ok: steps.every(({ ok }) => ok), steps };
}

class Stop extends Error {}

type Attempt = (step: Step["step"], what: string, work: () => Promise<string>) => Promise<void>;

async function walk(
  world: VerifyWorld,
  { name, drain, signal }: VerifyOptions,
  attempt: Attempt,
  undo: { what: string; run: () => Promise<void> }[],
): Promise<void> {
  await attempt("endpoint", "resolving its name", async () => {
    const addresses = await world.addresses();
    if (addresses.length === 0) throw new UserError("the endpoint's name has no address");
    return addresses.join(", ");
  });
  let client: TestClient | undefined;
  await attempt("client", `adding ${name}, for a quarter of an hour`, async () => {
    const joined = await world.join(name);
    client = joined;
    undo.push({ what: `removing ${name}`, run: () => joined.remove() });
    return `${name} is in the registry`;
  });
  if (client === undefined) return;
  const joined = client;
  await attempt("handshake", "by way of every address", () => handshakes(joined));
  let servers: readonly string[] = [];
  await attempt("health", "asking every server", async () => {
    servers = await world.servers();
    return health(world, servers);
  });
  if (!drain) return;
  await attempt("drain", "the client's server, for a minute, with the client going on", () =>
    drained(world, joined, servers, undo, signal),
  );
}

async function handshakes(client: TestClient): Promise<string> {
  const tried = await client.handshakes();
  const silent = tried.filter(({ ms }) => ms === undefined).map(({ address }) => address);
  if (tried.length === 0 || silent.length > 0)
    throw new UserError(
      `no answer from ${silent.join(", ") || "anywhere"}; is UDP let out here, and in there (wgc:clientSourceRanges)?`,
    );
  return tried.map(({ address, ms }) => `${address} in ${Math.round(ms ?? 0)} ms`).join(", ");
}

async function health(world: VerifyWorld, servers: readonly string[]): Promise<string> {
  if (servers.length === 0) throw new UserError("no server has reported in the last half minute");
  const asked: string[] = [];
  const bad: string[] = [];
  let serving = 0;
  for (const server of servers) {
    const { status, reasons } = await world.health(server);
    asked.push(`${server} ${status}`);
    // `degraded` serves: EFS or a clock is in trouble, which is not what is asked here, but it is said.
    if (status === "ok" || status === "degraded") serving++;
    else if (status !== "standby")
      bad.push(`${server} ${status}: ${reasons.join("; ") || "no reason given"}`);
  }
  if (bad.length > 0) throw new UserError(bad.join(", "));
  if (serving === 0) throw new UserError(`no server serves: ${asked.join(", ")}`);
  return asked.join(", ");
}

async function drained(
  world: VerifyWorld,
  client: TestClient,
  servers: readonly string[],
  undo: { what: string; run: () => Promise<void> }[],
  signal: AbortSignal,
): Promise<string> {
  if (servers.length < 2) throw new UserError("there is one server only: draining it would leave none");
  const server = await client.server();
  if (server === undefined)
    throw new UserError(
      "no server has recorded the client's session, so draining one would not show that the client goes on; are records kept (wgc:takeover)?",
    );
  // Before the command, which may take effect and still fail.
  undo.push({ what: `undraining ${server}`, run: () => world.drain(server, false) });
  const gap = await client.longestGap(async () => {
    await world.drain(server, true);
    await world.sleep(DRAIN_WATCH_MS, signal);
  });
  const { status } = await world.health(server);
  if (status !== "draining") throw new UserError(`${server} says ${status} after it was drained`);
  if (gap > LONGEST_GAP_MS)
    throw new UserError(`the client was without an answer for ${(gap / 1000).toFixed(1)} s`);
  return `${server} is out of service; the client was without an answer for ${(gap / 1000).toFixed(1)} s at most`;
}

function reason(error: unknown): string {
  if ((error as Partial<Error> | null)?.name === "AbortError") return "interrupted";
  return error instanceof Error ? error.message : String(error);
}
