/** The failover benchmark: for each setting of takeover and each scenario one cluster, on which the incidents happen in turn. */
import type { Plan } from "../../plan";
import { runPlan } from "../../plan";
import { Cluster, type Workshop } from "../cluster";
import { randomOf } from "../random";
import { addressingConfig, withHealth } from "../variant";
import { type Measured, runIncident } from "./incident";
import { untilOneServes } from "./passive";
import type { Parts } from "./placement";
import { summarise } from "./samples";
import { scenarios } from "./scenarios";
import type {
  ConnectionOutcome,
  FailoverOptions,
  FailoverResult,
  Load,
  Sample,
  ScenarioName,
  TakeoverMode,
} from "./types";

/** After so many failed runs of a scenario something is broken, and more of them tell nothing new. */
const FAILURES_LIMIT = 3;

/** A run that gave no samples, and why: a client that never recovers must not vanish from the statistics unseen. */
export interface Failure {
  readonly scenario: ScenarioName;
  readonly takeover: TakeoverMode;
  readonly run: number;
  readonly problem: string;
}

export interface FailoverReport {
  readonly results: FailoverResult[];
  readonly failures: Failure[];
  /** What carried the tunnels. */
  readonly wireguard: string;
}

/** Told of each run's samples as they come. */
export type OnSamples = (
  run: { scenario: ScenarioName; takeover: TakeoverMode; load: Load; run: number },
  measured: Measured,
) => void;

/** Told of each scenario's results as soon as it is through: a table takes hours. */
export type OnResults = (results: readonly FailoverResult[], wireguard: string) => Promise<void>;

/** The clients of each load; with two loads they take turns, so that both see every incident. */
export function partition(clients: readonly string[], loads: readonly Load[]): Parts {
  return new Map(
    loads.map((load, turn) => [load, clients.filter((_, index) => index % loads.length === turn)]),
  );
}

/** Says how far it is, and when it will be over if it goes on like this. */
class Progress {
  private readonly began = performance.now();
  private done = 0;

  constructor(private readonly total: number) {}

  step(): string {
    this.done += 1;
    const left = ((performance.now() - this.began) / this.done) * (this.total - this.done);
    return `${this.done} of ${this.total} runs, about ${Math.ceil(left / 60_000)} min left`;
  }
}

export class FailoverBench {
  private readonly progress: Progress;
  private readonly report: FailoverReport & { wireguard: string } = {
    results: [],
    failures: [],
    wireguard: "",
  };

  constructor(
    private readonly workshop: Workshop,
    private readonly options: FailoverOptions,
    private readonly onSamples: OnSamples = () => {},
    private readonly onResults: OnResults = async () => {},
  ) {
    this.progress = new Progress(options.takeover.length * options.scenarios.length * options.runs);
  }

  async run(): Promise<FailoverReport> {
    const { options } = this;
    for (const takeover of options.takeover) {
      const plan = await runPlan({
        projectDir: this.workshop.project,
        stack: options.stack,
        mode: "resolved",
        config: {
          "wgc:takeover": String(takeover === "on"),
          "wgc:topology": options.topology,
          ...addressingConfig(this.workshop.project, options.stack, options.addressing),
        },
      });
      for (const scenario of options.scenarios)
        await this.cell(withHealth(plan, options.health), scenario, takeover);
    }
    return this.report;
  }

  /** One scenario with one setting: as many runs as were asked for. */
  private async cell(plan: Plan, scenario: ScenarioName, takeover: TakeoverMode): Promise<void> {
    const { addressing, topology, loads, runs, health } = this.options;
    const passive = topology === "active-passive" ? { topology } : undefined;
    const played = passive ? untilOneServes(scenarios[scenario]) : scenarios[scenario];
    const { say } = this.workshop;
    const samples = new Map<Load, Sample[]>(loads.map((load) => [load, []]));
    const outcomes = new Map<Load, ConnectionOutcome[]>(loads.map((load) => [load, []]));
    let cluster: Cluster | undefined;
    let good = 0;
    let failed = 0;
    try {
      for (let run = 1; run <= runs && failed < FAILURES_LIMIT; run += 1) {
        const title = `${scenario}, takeover ${takeover}, run ${run}`;
        try {
          cluster ??= await this.open(plan);
          const parts = partition(cluster.clients, loads);
          const random = randomOf(`${scenario}/${takeover}/${run}`);
          const found = await runIncident({ cluster, scenario: played, parts, random });
          for (const [load, some] of found) {
            samples.get(load)?.push(...some.samples);
            outcomes.get(load)?.push(...some.outcomes);
            this.onSamples({ scenario, takeover, load, run }, some);
          }
          good += 1;
          say(`${title}: ${describe(found)} (${this.progress.step()})`);
        } catch (error) {
          failed += 1;
          const problem = error instanceof Error ? error.message : String(error);
          this.report.failures.push({ scenario, takeover, run, problem });
          say(`${title}: no samples: ${problem} (${this.progress.step()})`);
          await cluster?.close(); // the next run gets one that is in order
          cluster = undefined;
        }
      }
    } finally {
      await cluster?.close();
    }
    if (good === 0) return;
    const results = [...samples].map(([load, some]) =>
      summarise(
        {
          ...{ addressing, scenario, load, takeover, health, runs: good },
          ...(failed === 0 ? {} : { failed_runs: failed }),
          ...passive,
        },
        some,
        outcomes.get(load),
      ),
    );
    this.report.results.push(...results);
    await this.onResults(results, this.report.wireguard);
  }

  private async open(plan: Plan): Promise<Cluster> {
    const cluster = await Cluster.open(this.workshop, `bench-${process.pid}`, plan);
    const names = Array.from({ length: this.options.clients }, (_, index) => `c${index + 1}`);
    await Promise.all(names.map((name) => cluster.join(name)));
    cluster.clients.sort();
    this.report.wireguard = (await cluster.status()).wireguard;
    return cluster;
  }
}

function describe(found: ReadonlyMap<Load, Measured>): string {
  const worst = (values: readonly number[]): string => `${Math.round(Math.max(...values))} ms`;
  return [...found]
    .map(([load, { samples, outcomes }]) => {
      const after = samples.flatMap(({ afterReroute }) => afterReroute ?? []);
      return [
        `${load}: ${samples.length} clients, at most ${worst(samples.map((s) => s.outage))} without traffic`,
        ...(after.length > 0 ? [`${worst(after)} after the re-route`] : []),
        ...(outcomes.length > 0 ? [describeConnections(outcomes, worst)] : []),
      ].join(", ");
    })
    .join("; ");
}

function describeConnections(
  outcomes: readonly ConnectionOutcome[],
  worst: (values: readonly number[]) => string,
): string {
  const lost = outcomes.flatMap((outcome) => outcome.lost);
  const of = outcomes.reduce((sum, outcome) => sum + outcome.of, 0);
  const gaps = outcomes.flatMap((outcome) => outcome.gaps);
  const told = lost.length === 0 ? "" : ` (${lost.slice(0, 3).join(", ")})`;
  return `${lost.length} of ${of} TCP connections lost${told}${gaps.length > 0 ? `, the others without an echo for at most ${worst(gaps)}` : ""}`;
}
