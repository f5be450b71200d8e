import type { Parameter } from "../aws/query";
import { backoff } from "../backoff";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";

const RETRY_MS = { first: 500, longest: 15_000 } as const;
/** A person, or a rule that mends what looks odd, may switch it on again at any time. */
const AGAIN_MS = 60_000;

/**
 * Switches off that EC2 drops what is neither from nor to this server's own address. Launch templates have no field for it
 * (https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html, "Disable source/destination checks"), so each
 * server asks for itself. Until that has worked it is no next hop.
 *
 * It goes on asking: to switch off what is off changes nothing, while to look first would take one more right and leave the moment
 * between the look and the answer. A later attempt that fails does not mean that the check is on, so it is said and takes no role.
 */
export class SourceCheck {
  isOff = false;
  problem: string | undefined;
  readonly stats = { failed: 0 };
  private failures = 0;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(
    private readonly interfaceId: string,
    private readonly call: (
      action: string,
      parameters: Readonly<Record<string, Parameter>>,
    ) => Promise<string>,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async start(): Promise<void> {
    try {
      await this.call("ModifyNetworkInterfaceAttribute", {
        NetworkInterfaceId: this.interfaceId,
        SourceDestCheck: { Value: false },
      });
      if (!this.isOff) this.log.info({ interface: this.interfaceId }, "the source/destination check is off");
      this.isOff = true;
      this.problem = undefined;
      this.failures = 0;
      this.next(AGAIN_MS);
    } catch (error) {
      this.stats.failed++;
      this.problem = `the source/destination check cannot be switched off: ${messageOf(error)}`;
      this.log.warn({ problem: this.problem, isOff: this.isOff }, "this server may be no next hop");
      this.next(backoff(RETRY_MS, this.failures++));
    }
  }

  private next(ms: number): void {
    if (!this.stopped) this.timer = this.clock.after(ms, () => void this.start());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }
}
