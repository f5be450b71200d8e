/** Signals that would end the process between a change and what only this process knows about it. */

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Completes `work` before a signal counts: the private key of a client that has just been added exists in this process only, until
 * its file is written. A second signal ends the process at once.
 *
 * @param say told the operator that the signal was heard
 */
export async function finishFirst<T>(say: (text: string) => void, work: () => Promise<T>): Promise<T> {
  let heard: keyof typeof SIGNALS | undefined;
  const end = (signal: keyof typeof SIGNALS): never => process.exit(128 + SIGNALS[signal]);
  const onSignal = (signal: NodeJS.Signals): void => {
    if (heard !== undefined) end(heard);
    heard = signal as keyof typeof SIGNALS;
    say(
      "the configuration is written first, then this ends; once more ends it at once, and the key is lost\n",
    );
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  try {
    return await work();
  } finally {
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
    if (heard !== undefined) end(heard);
  }
}
