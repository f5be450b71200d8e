import { AwsError, type Parameter } from "../aws/query";
import { backoff } from "../backoff";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";

/** What is needed to keep the VPC's routes. */
export interface VpcRoutesOptions {
  readonly tables: readonly { readonly id: string; readonly zone: string }[];
  /** The tunnel's range. */
  readonly destination: string;
  /** This server's network interface. */
  readonly interfaceId: string;
  readonly call: (action: string, parameters: Readonly<Record<string, Parameter>>) => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
  readonly random?: () => number;
}

interface Table {
  readonly id: string;
  readonly zone: string;
  wanted: boolean;
  /** Whether the route is known to lead here. */
  settled: boolean;
  contested: boolean;
  working: boolean;
  /** Whether somebody else's call may have come after the one that is under way. */
  doubtful: boolean;
  failures: number;
  problem: string | undefined;
  timer: Timer | undefined;
  /** How often another server's interface was found where this server had put its own, without a long calm. */
  contests: number;
  /** When the last such time ended; monotonic. */
  contestedAt: number;
  /** That interface, when it was last seen. */
  rival: string | undefined;
  /** Whether the route leads there by what was last seen, and is left so for now. */
  isAway: boolean;
}

const BACKOFF_MS = { first: 250, longest: 10_000 } as const;
/** What cannot pass by itself (a table that does not exist, a table that is full) waits for an operator. */
const REFUSED_MS = 60_000;
/**
 * What AWS refuses and allows a moment later: rights and credentials that are new have not reached every part of AWS yet (IAM user guide,
 * "Changes that I make are not always immediately visible"), a clock that is off is set right; and another server was faster.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
 */
const PASSING =
  /^(UnauthorizedOperation|AuthFailure|RequestExpired|ExpiredToken.*|InvalidClientTokenId|RouteAlreadyExists)$/;
const AUDIT_MS = 60_000;
/**
 * Two servers that live and do not hear each other both lead the route to themselves. The first time may be a late call, so it is answered
 * at once; then each waits longer and longer, for either of them is a right next hop and a change is what costs packets.
 */
const CONTEST_MS = { first: 10_000, longest: 600_000 } as const;
/** Nobody contested the route for so long, three times the longest wait: the next time is a first one. */
const CALM_MS = 1_800_000;
/** An audit that failed is repeated. */
const AUDIT_AGAIN_MS = { first: 10_000, longest: AUDIT_MS } as const;
/** A call of the owner before, who is gone, may take effect after this server's. */
const LATE_CALL_MS = 10_000;

/**
 * Makes the VPC's routes to the tunnel's range lead to this server, for the zones that it owns.
 *
 * INVARIANTS: one call at a time for a table. A route is replaced, never removed: without an owner it leads to the last one. Two
 * servers that both believe to own a table only replace each other's route, ever more seldom, and any live server is a right next hop;
 * whoever owns it in the end replaces it once more when the other one has given in.
 */
export class VpcRoutes {
  private readonly tables: readonly Table[];
  private audit: Timer | undefined;
  private auditProblem: string | undefined;
  /** Audits in a row that failed. */
  private auditFailures = 0;
  private stopped = false;
  readonly stats = {
    replaced: 0,
    failed: 0,
    throttled: 0,
    lastMs: undefined as number | undefined,
    contested: 0,
  };

  constructor(private readonly options: VpcRoutesOptions) {
    // A table that is named for two zones is led one way all the same, the first one's: else two servers would take it in turns.
    const isFirst = ({ id }: { id: string }, at: number) =>
      options.tables.findIndex((table) => table.id === id) === at;
    this.tables = options.tables.filter(isFirst).map((table) => ({
      ...table,
      ...{ wanted: false, settled: false, contested: false, working: false, doubtful: false },
      ...{ failures: 0, problem: undefined, timer: undefined },
      ...{ contests: 0, contestedAt: 0, rival: undefined, isAway: false },
    }));
  }

  start(): void {
    this.lookAfter(AUDIT_MS);
  }

  stop(): void {
    this.stopped = true;
    this.audit?.cancel();
    for (const { timer } of this.tables) timer?.cancel();
  }

  /**
   * Tells which zones' routes are this server's to keep.
   *
   * @param contested zones that another live server believes to keep as well: its call may come after this server's
   */
  own(zones: ReadonlySet<string>, contested: ReadonlySet<string> = new Set()): void {
    for (const table of this.tables) {
      const wanted = zones.has(table.zone);
      if (contested.has(table.zone)) table.contested = true;
      else if (table.contested) {
        table.contested = false;
        this.doubt(table);
        // An attempt that failed is made again in its time.
        if (wanted && table.wanted && table.timer === undefined) void this.work(table);
      }
      if (wanted === table.wanted) continue;
      table.wanted = wanted;
      this.doubt(table);
      Object.assign(table, { failures: 0, problem: undefined, contests: 0, isAway: false });
      table.timer?.cancel();
      table.timer = undefined;
      if (wanted) void this.work(table);
    }
  }

  /** Why a route that this server should have does not lead here, or cannot be looked at. */
  get problem(): string | undefined {
    const failed = this.tables.find(({ problem }) => problem !== undefined)?.problem;
    return failed ?? this.contestProblem ?? this.auditProblem;
  }

  /** Tables that another server leads to itself again and again. */
  private get contestProblem(): string | undefined {
    const now = this.options.clock.monotonic();
    const isRecent = (table: Table) => now < table.contestedAt + this.waitOf(table) + AUDIT_MS;
    const table = this.tables.find((one) => one.contests > 1 && isRecent(one));
    if (table === undefined) return undefined;
    return `the route of ${table.id} is led to ${table.rival} again and again: two servers take themselves for its owner, because at least one does not hear the other`;
  }

  /** How long this server leaves the route to its rival before it contests it again. */
  private waitOf({ contests }: Table): number {
    return contests === 0 ? 0 : backoff(CONTEST_MS, contests - 1);
  }

  /** Zones that are not this server's any more while a call is under way that was made when they were. */
  get calling(): ReadonlySet<string> {
    return new Set(this.tables.flatMap(({ zone, wanted, working }) => (working && !wanted ? zone : [])));
  }

  /** Tables that this server keeps, and those of them whose route is known to lead here. */
  get counts(): { readonly owned: number; readonly settled: number } {
    const owned = this.tables.filter(({ wanted }) => wanted);
    return { owned: owned.length, settled: owned.filter(({ settled, isAway }) => settled && !isAway).length };
  }

  private doubt(table: Table): void {
    table.settled = false;
    table.doubtful = true;
  }

  private async work(table: Table): Promise<void> {
    if (table.working) return; // it looks again when it is done
    table.working = true;
    try {
      while (!this.stopped && table.wanted && !table.settled) {
        const began = this.options.clock.monotonic();
        table.doubtful = false;
        await this.replace(table);
        if (!table.wanted) break;
        table.settled = !table.doubtful;
        Object.assign(table, { failures: 0, problem: undefined, isAway: false });
        this.stats.replaced++;
        this.stats.lastMs = this.options.clock.monotonic() - began;
        this.options.log.info({ table: table.id, ms: Math.round(this.stats.lastMs) }, "the route leads here");
        this.lookAfter(LATE_CALL_MS);
      }
    } catch (error) {
      this.onFailure(table, error);
    } finally {
      table.working = false;
    }
  }

  private async replace({ id }: Table): Promise<void> {
    const { call, destination, interfaceId } = this.options;
    const parameters = {
      RouteTableId: id,
      DestinationCidrBlock: destination,
      NetworkInterfaceId: interfaceId,
    };
    try {
      await call("ReplaceRoute", parameters);
    } catch (error) {
      // A table that never had the route: "There is no route defined for ... in the route table".
      if (!(error instanceof AwsError) || !/^Invalid(Route\.NotFound|ParameterValue)$/.test(error.code))
        throw error;
      await call("CreateRoute", parameters);
    }
  }

  private onFailure(table: Table, error: unknown): void {
    const { clock, log, random = Math.random } = this.options;
    if (this.stopped || !table.wanted) return;
    this.count(error);
    const isPassing = error instanceof AwsError && (error.retryable || PASSING.test(error.code));
    const wait = isPassing ? backoff(BACKOFF_MS, table.failures) * (0.5 + random() / 2) : REFUSED_MS;
    table.failures++;
    table.problem = `the route of ${table.id} does not lead here: ${messageOf(error)}`;
    log.warn({ problem: table.problem, retryInMs: Math.round(wait) }, "a route cannot be replaced");
    table.timer = clock.after(wait, () => {
      table.timer = undefined;
      void this.work(table);
    });
  }

  private count(error: unknown): void {
    this.stats.failed++;
    if (error instanceof AwsError && error.throttled) this.stats.throttled++;
  }

  /** Whether the routes are as this server made them: a deployment or a person may have changed them. */
  private async look(): Promise<void> {
    this.audit = undefined;
    const { call, destination, log } = this.options;
    const mine = this.tables.filter(({ wanted, settled }) => wanted && settled);
    let problem: string | undefined;
    for (const table of mine) {
      try {
        const xml = await call("DescribeRouteTables", { RouteTableId: [table.id] });
        if (table.wanted) this.judge(table, targetOf(xml, destination));
      } catch (error) {
        this.count(error);
        problem = `whether the route of ${table.id} leads here cannot be looked up: ${messageOf(error)}`;
        log.warn({ problem }, "a route cannot be looked at");
      }
    }
    this.auditProblem = problem;
    const wait = problem === undefined ? this.untilContest : backoff(AUDIT_AGAIN_MS, this.auditFailures);
    this.auditFailures = problem === undefined ? 0 : this.auditFailures + 1;
    // A route that was led here meanwhile has called for a look of its own already.
    if (this.audit === undefined) this.lookAfter(wait);
  }

  /** Makes the route lead here once more, unless it is a rival's turn. @param target where it leads; undefined where there is none */
  private judge(table: Table, target: string | undefined): void {
    const { clock, interfaceId, log } = this.options;
    table.isAway = target !== interfaceId;
    if (target === interfaceId) return;
    const now = clock.monotonic();
    if (target !== undefined) {
      table.rival = target;
      if (now < table.contestedAt + this.waitOf(table)) return;
      if (now - table.contestedAt > CALM_MS) table.contests = 0;
      table.contests++;
      table.contestedAt = now;
      this.stats.contested++;
      const nextInMs = this.waitOf(table);
      log.warn({ table: table.id, target, times: table.contests, nextInMs }, "the route was led elsewhere");
    }
    table.settled = false;
    void this.work(table);
  }

  /** When to look again: at the end of a rival's turn, if that is sooner than usual. */
  private get untilContest(): number {
    const now = this.options.clock.monotonic();
    const turns = this.tables.flatMap((table) =>
      !table.isAway || !table.wanted ? [] : table.contestedAt + this.waitOf(table) - now,
    );
    return Math.max(LATE_CALL_MS / 10, Math.min(AUDIT_MS, ...turns));
  }

  private lookAfter(ms: number): void {
    this.audit?.cancel();
    if (!this.stopped) this.audit = this.options.clock.after(ms, () => void this.look());
  }
}

/** The network interface that a table's route to a range leads to, in the answer of DescribeRouteTables. */
export function targetOf(xml: string, destination: string): string | undefined {
  const items = xml.match(/<item>(?:(?!<item>)[\s\S])*?<\/item>/g) ?? [];
  const route = items.find((item) =>
    item.includes(`<destinationCidrBlock>${destination}</destinationCidrBlock>`),
  );
  // A route to an interface that is gone, or whose instance is off, is no rival's: nobody is there.
  if (route === undefined || route.includes("<state>blackhole</state>")) return undefined;
  return /<networkInterfaceId>([^<]*)<\/networkInterfaceId>/.exec(route)?.[1];
}
