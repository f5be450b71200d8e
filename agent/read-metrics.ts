import { Counter, Gauge, type Registry } from "prom-client";

/** Metrics whose numbers live elsewhere and are read when somebody asks. */
export function readMetrics(registry: Registry) {
  const registers = [registry];
  return {
    /** A number that goes up and down; undefined leaves it as it was. */
    gauge: (name: string, help: string, read: () => number | undefined) =>
      new Gauge({
        name,
        help,
        registers,
        collect() {
          const value = read();
          if (value !== undefined) this.set(value);
        },
      }),
    /** A number that is counted elsewhere. */
    counter: (name: string, help: string, read: () => number) =>
      new Counter({
        name,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      }),
  };
}
