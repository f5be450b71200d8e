/**
 * Long computations in turns. At 100,000 peers one look at the kernel is a quarter of a second of work; in one piece, health
 * checks and the other servers' datagrams would wait for it, and of those the kernel keeps some hundreds only.
 */

/** How many peers a turn takes: about three milliseconds. */
export const TURN = 1000;

/** Runs it in one piece. */
export function atOnce<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Runs it turn by turn; whatever has arrived is attended to between two. */
export async function inTurns<T>(work: Generator<void, T>): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
