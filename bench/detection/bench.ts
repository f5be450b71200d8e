/** How soon a server says that it cannot serve: from a fault to the first health check that fails, and from its end to one that passes. */
import { type LabTargetGroup, readModel } from "../../lab/model";
import { runPlan } from "../../plan";
import { Cluster, type Workshop } from "../cluster";
import { type Spread, spread } from "../statistics";
import { SERVER_FAULTS, type ServerFault } from "./faults";

export interface DetectionOptions {
  readonly runs: number;
  /** Names of {@link SERVER_FAULTS}. */
  readonly faults: readonly string[];
  readonly stack: string;
}

export interface DetectionResult {
  readonly fault: string;
  readonly runs: number;
  /** From the moment before the fault until a health check has failed: an answer that says so, or none within the planned timeout. */
  readonly detected_ms: Spread;
  /** From the moment before the fault was mended until a health check has passed. */
  readonly back_ms: Spread;
}

/** The planned health check, as far as a server knows of it. */
export type HealthCheck = Pick<LabTargetGroup["health"], "port" | "path" | "timeout">;

/** Far longer than anything may take. */
const LIMIT_SECONDS = 60;

/**
 * A script that does something and prints how many milliseconds later a health check went as wanted: one check after the other.
 *
 * @param wanted whether it is to pass or to fail
 */
export function timedScript(
  { port, path, timeout }: HealthCheck,
  doing: string,
  wanted: "pass" | "fail",
): string {
  const check = `curl -s -o /dev/null -m ${timeout} -w '%{http_code}' http://127.0.0.1:${port}${path}`;
  return [
    "began=$(date +%s%N)",
    `{ ${doing}; } || exit`,
    "while :; do",
    `  if [ "$(${check})" = 200 ]; then seen=pass; else seen=fail; fi`,
    "  now=$(date +%s%N)",
    `  if [ "$seen" = ${wanted} ]; then echo $(((now - began) / 1000000)); exit 0; fi`,
    `  if [ $((now - began)) -gt ${LIMIT_SECONDS}000000000 ]; then echo "no health check did ${wanted} within ${LIMIT_SECONDS} s" >&2; exit 1; fi`,
    "done",
  ].join("\n");
}

class DetectionBench {
  constructor(
    private readonly workshop: Workshop,
    private readonly cluster: Cluster,
    private readonly server: string,
    private readonly check: HealthCheck,
  ) {}

  private async time(doing: string, wanted: "pass" | "fail"): Promise<number> {
    return Number(await this.cluster.sh(this.server, timedScript(this.check, doing, wanted)));
  }

  async measure({ name, breaks, mends }: ServerFault, runs: number): Promise<DetectionResult> {
    const [detected, back]: [number[], number[]] = [[], []];
    for (let run = 1; run <= runs; run += 1) {
      detected.push(await this.time(breaks, "fail"));
      back.push(await this.time(mends, "pass"));
      await this.cluster.whole();
      const [seen, gone] = [detected.at(-1), back.at(-1)];
      this.workshop.say(`${name}, run ${run} of ${runs}: seen after ${seen} ms, forgiven after ${gone} ms`);
    }
    return { fault: name, runs, detected_ms: spread(detected), back_ms: spread(back) };
  }
}

/** Breaks a server in each way so many times. */
export async function benchDetection(
  workshop: Workshop,
  { runs, faults, stack }: DetectionOptions,
): Promise<{ results: DetectionResult[]; wireguard: string }> {
  const plan = await runPlan({ projectDir: workshop.project, stack, mode: "resolved" });
  const cluster = await Cluster.open(workshop, `bench-${process.pid}`, plan);
  try {
    const { servers, wireguard } = await cluster.status();
    const [server] = servers;
    if (server === undefined) throw new Error("the stack has no server");
    const bench = new DetectionBench(workshop, cluster, server.name, readModel(plan).targets.health);
    const results: DetectionResult[] = [];
    for (const fault of SERVER_FAULTS)
      if (faults.includes(fault.name)) results.push(await bench.measure(fault, runs));
    return { results, wireguard };
  } finally {
    await cluster.close();
  }
}
