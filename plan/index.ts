import { resolve } from "node:path";
import { UserError } from "../config/errors";
import { Monitor } from "./monitor";
import { programFailure, runProgram } from "./program";
import { loadProject } from "./project";
import { sdkSchemas } from "./sdk-schema";
import { startServer } from "./server";
import type { Plan, PlanMode } from "./types";

export { countResources, type ResourceCount } from "./count";
export type { Diagnostic, Json, JsonObject, Plan, PlanMode, PlannedResource } from "./types";

export interface PlanRequest {
  /** Folder that holds `Pulumi.yaml`. */
  readonly projectDir: string;
  readonly stack: string;
  readonly mode: PlanMode;
  /** Config values that win over the stack's, by key (`wgc:minServers` or `minServers`). */
  readonly config?: Readonly<Record<string, string>>;
}

/**
 * Runs a Pulumi program without CLI, account, plugins or network and returns what it would make.
 * @throws {UserError} with all faults found, or with the program's own error.
 */
export async function runPlan(request: PlanRequest): Promise<Plan> {
  const project = loadProject(resolve(request.projectDir), request.stack, request.config);
  const monitor = new Monitor(project, request.mode, sdkSchemas(project.dir));
  const server = await startServer(monitor, project, request.mode);
  try {
    const end = await runProgram(project, request.mode, server.address);
    const result = monitor.finish();
    // A fault makes the program fail in turn ("failed to register …"); the fault is the cause, so it is what gets reported.
    if (monitor.faults.size > 0) throw faultsError([...monitor.faults]);
    const failure = programFailure(project, end, monitor.diagnostics);
    if (failure) throw failure;
    const printed = end.stdout.trim();
    const diagnostics = [
      ...monitor.diagnostics,
      ...(printed === "" ? [] : [{ severity: "info" as const, message: printed }]),
    ];
    return { project: project.name, stack: project.stack, mode: request.mode, ...result, diagnostics };
  } finally {
    server.stop();
  }
}

function faultsError(faults: readonly string[]): UserError {
  const [only] = faults;
  if (faults.length === 1 && only !== undefined) return new UserError(only);
  return new UserError(
    `the plan has ${faults.length} faults:\n${[...faults]
      .sort()
      .map((fault) => `- ${fault}`)
      .join("\n")}`,
  );
}
