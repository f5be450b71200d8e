/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Time as the agent sees it; tests bring their own. */
export interface Clock {
  /** Wall-clock time in milliseconds: only for what the outside also dates (expiry, handshakes, records). */
  now(): number;
  /** Milliseconds that never jump: for ages, limits and durations. */
  monotonic(): number;
  /** Calls back once after so many milliseconds. */
  after(ms: number, callback: () => void): Timer;
}

/** setTimeout takes 31 bits and fires at once above that; longer waits are cut, callers look at the time anyway. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), MAX_TIMEOUT_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};
