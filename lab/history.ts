/** Things that happened, each with its time on the lab's clock (performance.now()), for whoever waits for one. */
export class History<T extends { at: number }> {
  private readonly items: T[] = [];
  private readonly waiters = new Set<(item: T) => void>();

  add(item: T): void {
    this.items.push(item);
    for (const waiter of [...this.waiters]) waiter(item);
  }

  /** The first one at `since` or later, also one that is over; undefined when none came within the limit (milliseconds). */
  first(since: number, limit: number): Promise<T | undefined> {
    const past = this.items.find(({ at }) => at >= since);
    if (past) return Promise.resolve(past);
    return new Promise((resolve) => {
      const finish = (item: T | undefined): void => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        resolve(item);
      };
      const waiter = (item: T): void => {
        if (item.at >= since) finish(item);
      };
      const timer = setTimeout(() => finish(undefined), limit);
      this.waiters.add(waiter);
    });
  }
}
