import { Waiters } from "./waiters";

/** Things that happened, each with its time on the lab's clock (performance.now()), for whoever waits for one. */
export class History<T extends { at: number }> {
  private readonly items: T[] = [];
  private readonly waiters = new Waiters<T>();

  add(item: T): void {
    this.items.push(item);
    this.waiters.tell(item);
  }

  /** The first one at `since` or later, also one that is over; undefined when none came within the limit (milliseconds). */
  first(since: number, limit: number): Promise<T | undefined> {
    const past = this.items.find(({ at }) => at >= since);
    if (past) return Promise.resolve(past);
    return this.waiters.next(({ at }) => at >= since, limit);
  }
}
