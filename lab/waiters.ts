/** Those who wait for something to happen, each for a thing of its own and for so long at most. */
export class Waiters<T> {
  private readonly waiting = new Set<(item: T) => void>();

  /** It happened. */
  tell(item: T): void {
    for (const take of [...this.waiting]) take(item);
  }

  /** The next one that matches, or undefined when none came within the time limit (milliseconds). */
  next(matches: (item: T) => boolean, limit: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const finish = (item: T | undefined): void => {
        clearTimeout(timer);
        this.waiting.delete(take);
        resolve(item);
      };
      const take = (item: T): void => {
        if (matches(item)) finish(item);
      };
      const timer = setTimeout(() => finish(undefined), limit);
      this.waiting.add(take);
    });
  }
}
