import type { Parameter } from "../aws/query";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";

const RETRY_MS = { first: 500, longest: 15_000 } as const;

/**
 * Switches off that EC2 drops what is neither from nor to this server's own address. Launch templates have no field for it
 * (https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html, "Disable source/destination checks"), so each
 * server asks for itself. Until that has worked it is no next hop.
 */
export class SourceCheck {
  isOff = false;
  problem: string | undefined;
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
      this.isOff = true;
      this.problem = undefined;
      this.log.info({ interface: this.interfaceId }, "the source/destination check is off");
    } catch (error) {
      this.problem = `the source/destination check cannot be switched off: ${messageOf(error)}`;
      this.log.warn({ problem: this.problem }, "this server cannot be a next hop yet");
      if (this.stopped) return;
      const wait = Math.min(RETRY_MS.longest, RETRY_MS.first * 2 ** this.failures++);
      this.timer = this.clock.after(wait, () => void this.start());
    }
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }
}
