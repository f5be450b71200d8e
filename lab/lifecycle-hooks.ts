/**
 * The lab's Auto Scaling API, as far as servers use it: on the metadata service's address, where all of them reach it. The group asks
 * here what its hooks wait for.
 */
import { setTimeout as pause } from "node:timers/promises";
import { METADATA_ADDRESS } from "./addresses";
import {
  AutoScalingStub,
  type Outcome,
  type StubAnswer,
  type StubCall,
  type StubHook,
  type StubRequest,
  type Transition,
} from "./aws-stub/auto-scaling";
import { type RunningStub, startAwsStub } from "./aws-stub/server";
import type { LabModel } from "./model";

const PORT = 8090;

/** What a server's programs get so that they call this API instead of AWS's (SDKs and tools reference, "Service-specific endpoints"). */
export const AWS_ENVIRONMENT = { AWS_ENDPOINT_URL_AUTO_SCALING: `http://${METADATA_ADDRESS}:${PORT}` };

export class LifecycleHooks {
  private readonly stub: AutoScalingStub;
  private running: RunningStub | undefined;

  constructor(model: Pick<LabModel, "group" | "region">) {
    this.stub = new AutoScalingStub({ name: model.group.name, region: model.region }, model.group.hooks);
  }

  /** Starts to listen; the metadata service's address must be there. */
  async start(): Promise<void> {
    this.running = await startAwsStub(this.stub, { host: METADATA_ADDRESS, port: PORT });
  }

  close(): void {
    this.running?.close();
  }

  /** Answers a request that came another way, at the one address of all services. */
  answer(request: StubRequest): StubAnswer {
    return this.stub.answer(request, performance.now());
  }

  /** Everything that was called, in order. */
  get calls(): readonly StubCall[] {
    return this.stub.calls;
  }

  /** What becomes of an instance that comes to a hook; its default result after the hook's time, or this limit if that is sooner. */
  async wait(instance: string, transition: Transition, limitMs: number): Promise<Outcome> {
    const outcome = this.stub.wait(instance, transition, performance.now());
    const late = pause(limitMs, undefined, { ref: false }).then(() => this.stub.forget(instance));
    return Promise.race([outcome, late.then(() => outcome)]);
  }

  /** The instance is gone. */
  forget(instance: string): void {
    this.stub.forget(instance);
  }
}

/** The plan's hooks, as the stand-in knows them; the defaults are AWS's own (PutLifecycleHook). */
export function hooksOf(inputs: Readonly<Record<string, unknown>>): StubHook[] {
  const hooks = Array.isArray(inputs["initialLifecycleHooks"]) ? inputs["initialLifecycleHooks"] : [];
  return hooks.map((hook: Readonly<Record<string, unknown>>) => ({
    name: String(hook["name"]),
    transition: hook["lifecycleTransition"] === "autoscaling:EC2_INSTANCE_LAUNCHING" ? "launch" : "terminate",
    heartbeatSeconds: Number(hook["heartbeatTimeout"] ?? 3600),
    defaultResult: hook["defaultResult"] === "CONTINUE" ? "CONTINUE" : "ABANDON",
  }));
}
