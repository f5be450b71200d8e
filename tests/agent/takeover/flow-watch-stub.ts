/** In the place of agent/takeover/flow-watch: it watches nothing, and the test tells its listeners what it likes. */
import type { FlowListener, FlowWatchOptions } from "../../../agent/takeover/flow-watch";

/** Listeners of the watches that were made, in order. */
export const listeners: FlowListener[] = [];

export class FlowWatch {
  problem: string | undefined;

  constructor({ listener }: FlowWatchOptions) {
    listeners.push(listener);
  }

  start() {}
  stop() {}
}
