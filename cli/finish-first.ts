/** Signals that would end the process between a change and what only this process knows about it. */

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Completes `work` before a signal counts: the private key of a client that has just been added exists in this process only, until
 * its file is written; a server that was drained for a test is drained until somebody puts it back. A second signal ends the process
 * at once.
 *
 * @param say told the operator that the signal was heard, with `note`: what is done first, and what a second one costs
 * @param work given a signal by which it may shorten what it does
 */
export async function finishFirst<T>(
  say: (text: string) => void,
  note: string,
  work: (interrupted: AbortSignal) => Promise<T>,
): Promise<T> {
  const interruption = new AbortController();
  let heard: keyof typeof SIGNALS | undefined;
  const end = (signal: keyof typeof SIGNALS): never => process.exit(128 + SIGNALS[signal]);
  const onSignal = (signal: NodeJS.Signals): void => {
    if (heard !== undefined) end(heard);
    heard = signal as keyof typeof SIGNALS;
    say(`${note}\n`);
    interruption.abort();
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  try {
    return await work(interruption.signal);
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
    if (heard !== undefined) end(heard);
  }
}
