/** The VPC's side of the machines' cables: keeps the rules of port-rules.ts in the kernel. */

import type { LabRule } from "../network-model";
import { run } from "../process";
import { type PortRules, renderPortRules } from "./port-rules";

export class Ports {
  private readonly cables = new Map<string, string>();
  private rules: PortRules;
  private applying: Promise<void> = Promise.resolve();

  constructor(amongServers: readonly LabRule[]) {
    this.rules = { ports: this.cables, unchecked: [], servers: [], amongServers, cut: [], silences: [] };
  }

  /** A machine with that address hangs on the port from now on. */
  connect(port: string, address: string): Promise<void> {
    this.cables.set(port, address);
    return this.set({});
  }

  /** Changes some of the rules; resolves when the kernel has them. Calls run one after the other. */
  set(change: Partial<Omit<PortRules, "ports" | "amongServers">>): Promise<void> {
    this.rules = { ...this.rules, ...change };
    const turn = this.applying.then(async () => {
      await run(["nft", "-f", "-"], { input: renderPortRules(this.rules) });
    });
    this.applying = turn.catch(() => undefined);
    return turn;
  }
}
