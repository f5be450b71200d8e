/**
 * A stand-in for the two calls of Amazon EC2 Auto Scaling that a server makes: it completes a lifecycle action, or asks for more
 * time. It takes the query protocol as the agent and the AWS command line send it, checks what AWS checks, and keeps a list of
 * what was called. No input or output here: {@link startAwsStub} puts it on a port.
 * https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html
 */
import { faultOfForm, faultOfSignature } from "./query-protocol";

/** Which of its two ways an instance waits on. */
export type Transition = "launch" | "terminate";
export type Outcome = "CONTINUE" | "ABANDON";

/** A lifecycle hook of the group. */
export interface StubHook {
  readonly name: string;
  readonly transition: Transition;
  /** Seconds without a word until {@link defaultResult} counts. */
  readonly heartbeatSeconds: number;
  readonly defaultResult: Outcome;
}

/** One call as it arrived. */
export interface StubCall {
  readonly action: string;
  readonly instance: string;
  readonly hook: string;
  /** What a completion says. */
  readonly result: string | undefined;
  /** AWS's error code and message; undefined when it was accepted. */
  readonly refused: string | undefined;
}

/** A request, as far as it matters; header names in lower case. */
export interface StubRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface StubAnswer {
  readonly status: number;
  readonly body: string;
}

interface Waiting {
  readonly hook: StubHook;
  until: number;
  readonly began: number;
  readonly end: (outcome: Outcome) => void;
}

const ACTIONS = ["CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"];
/** A hook waits for 48 hours or 100 heartbeats at most, whichever is less (PutLifecycleHook, HeartbeatTimeout). */
const MOST_HEARTBEATS = 100;
const LONGEST_SECONDS = 48 * 3600;

/** The group's lifecycle hooks and the instances that wait at them. Times are milliseconds of a clock that never jumps. */
export class AutoScalingStub {
  /** Everything that was called, in order; refused calls too. */
  readonly calls: StubCall[] = [];
  private readonly waiting = new Map<string, Waiting>();

  constructor(
    private readonly group: { readonly name: string; readonly region: string },
    private readonly hooks: readonly StubHook[],
  ) {}

  /**
   * An instance comes to a hook (`Pending:Wait`, `Terminating:Wait`); settles with what becomes of it: what it said itself, or the
   * hook's default once {@link tick} finds it overdue. `CONTINUE` at once when the group has no such hook.
   */
  wait(instance: string, transition: Transition, now: number): Promise<Outcome> {
    const hook = this.hooks.find((one) => one.transition === transition);
    if (hook === undefined) return Promise.resolve("CONTINUE");
    return new Promise((end) => {
      this.waiting.set(instance, { hook, began: now, until: now + hook.heartbeatSeconds * 1000, end });
    });
  }

  /** Whether the instance waits at that hook. */
  waits(instance: string, transition: Transition): boolean {
    return this.waiting.get(instance)?.hook.transition === transition;
  }

  /** The instance is gone, whatever it waited for. */
  forget(instance: string): void {
    this.end(instance, "ABANDON");
  }

  /** Ends what is overdue with its hook's default result. */
  tick(now: number): void {
    for (const [instance, { hook, until }] of this.waiting)
      if (until <= now) this.end(instance, hook.defaultResult);
  }

  /** Answers a request as the service does. */
  answer(request: StubRequest, now: number): StubAnswer {
    this.tick(now);
    const form = new URLSearchParams(request.body);
    const text = (name: string): string => form.get(name) ?? "";
    const fault =
      faultOfSignature(request, { service: "autoscaling", region: this.group.region }) ??
      faultOfForm(form, ACTIONS) ??
      this.refuse(text, now);
    this.calls.push({
      action: text("Action"),
      instance: text("InstanceId"),
      hook: text("LifecycleHookName"),
      result: form.get("LifecycleActionResult") ?? undefined,
      refused: fault && `${fault.code}: ${fault.message}`,
    });
    if (fault !== undefined) return { status: fault.status, body: errorXml(fault.code, fault.message) };
    const action = text("Action");
    return {
      status: 200,
      body: `<${action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><${action}Result/></${action}Response>`,
    };
  }

  /** Does what is asked, or says why not. The agent only tells codes apart. */
  private refuse(text: (name: string) => string, now: number) {
    const invalid = (message: string) => ({ status: 400, code: "ValidationError", message });
    const instance = text("InstanceId");
    if (text("AutoScalingGroupName") !== this.group.name)
      return invalid(`AutoScalingGroup name not found - no such group: ${text("AutoScalingGroupName")}`);
    const hook = this.hooks.find(({ name }) => name === text("LifecycleHookName"));
    if (hook === undefined) return invalid(`No Lifecycle Hook found with name: ${text("LifecycleHookName")}`);
    const active = this.waiting.get(instance);
    if (active === undefined || active.hook !== hook)
      return invalid(`No active Lifecycle Action found with instance ID ${instance}`);
    if (text("Action") === "RecordLifecycleActionHeartbeat") extend(active, now);
    else this.end(instance, text("LifecycleActionResult") as Outcome);
    return undefined;
  }

  private end(instance: string, outcome: Outcome): void {
    const active = this.waiting.get(instance);
    this.waiting.delete(instance);
    active?.end(outcome);
  }
}

function extend(active: Waiting, now: number): void {
  const { heartbeatSeconds } = active.hook;
  const last = active.began + Math.min(LONGEST_SECONDS, MOST_HEARTBEATS * heartbeatSeconds) * 1000;
  active.until = Math.min(last, now + heartbeatSeconds * 1000);
}

/** https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html */
function errorXml(code: string, message: string): string {
  const plain = message.replace(/[<>&]/g, " ");
  return (
    '<ErrorResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">' +
    `<Error><Type>Sender</Type><Code>${code}</Code><Message>${plain}</Message></Error></ErrorResponse>`
  );
}
