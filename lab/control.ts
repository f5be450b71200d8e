/**
 * The control function in the lab: the same handler that Lambda runs, in this process, on the folder that the plan's function mounts.
 */
import { userInfo } from "node:os";
import { UserError } from "../config/errors";
import { ControlClient, ControlFailure } from "../control/client";
import { type Control, createControl } from "../control/handler";
import type { Response } from "../control/protocol";
import type { LabControlFunction } from "./storage-model";

export class LabControl {
  /** Asks the function as a program does: an answer that says no is thrown. */
  readonly client: ControlClient;
  private readonly control: Control;

  /** @param root folder of the access point that the function mounts */
  constructor(
    private readonly plan: LabControlFunction,
    readonly root: string,
  ) {
    this.control = createControl({ root, source: "lab" });
    this.client = new ControlClient((request) => this.handle(request));
  }

  /** Answers one request, as an invocation of the function does. */
  handle(request: unknown): Promise<Response> {
    return this.control.handle(request, { who: `${userInfo().username} in the lab` });
  }

  /**
   * Makes the calls that a deployment makes, with the plan's own input; returns the servers' public key.
   *
   * @throws UserError with the function's words when it says no: on AWS the deployment ends there.
   */
  async deploy(): Promise<string> {
    let publicKey = "";
    for (const call of this.plan.calls) {
      const response = await this.handle(JSON.parse(call));
      if (!response.ok) {
        const { message } = new ControlFailure(response.error);
        throw new UserError(`the control function ${this.plan.name} refuses the plan's request: ${message}`);
      }
      if ("publicKey" in response.result) publicKey = response.result.publicKey;
    }
    return publicKey;
  }
}
