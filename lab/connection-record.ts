/** What became of the lab's long connections, from the lines that guest/talk.ts prints. Pure. */
import { z } from "zod";

/** How a connection is used: an echo at intervals over TCP or UDP, or only once at the end. */
export type ConnectionKind = "tcp" | "udp" | "idle";

/** One connection between a client and a backend. */
export interface ConnectionReport {
  readonly name: string;
  readonly kind: ConnectionKind;
  /** Who opened it. */
  readonly by: "client" | "backend";
  /** When it stood, on the lab's clock; of UDP the first answer. Undefined: never. */
  readonly opened: number | undefined;
  /** How and when a TCP connection ended by itself. */
  readonly lost: { readonly at: number; readonly why: string } | undefined;
  /** When answers came, in the time asked for. */
  readonly answers: readonly number[];
  /** The last answer before that time. */
  readonly before: number | undefined;
}

/** A line of guest/talk.ts; `at` is of the kernel's monotonic clock. */
const lineSchema = z.object({
  name: z.string(),
  at: z.number(),
  open: z.boolean().optional(),
  lost: z.string().optional(),
  rtt: z.number().optional(),
});

export class ConnectionRecord {
  private opened: number | undefined;
  private lost: ConnectionReport["lost"];
  private readonly answers: number[] = [];

  constructor(
    readonly name: string,
    readonly kind: ConnectionKind,
    readonly by: ConnectionReport["by"],
  ) {}

  take(line: z.infer<typeof lineSchema>, at: number): void {
    if (line.open === true || line.rtt !== undefined) this.opened ??= at;
    if (line.rtt !== undefined) this.answers.push(at);
    if (line.lost !== undefined) this.lost = { at, why: line.lost };
  }

  get isOpen(): boolean {
    return this.opened !== undefined && this.lost === undefined;
  }

  /** Whether it gave an answer at that time or later, or never will. */
  hasSettled(since: number): boolean {
    return this.lost !== undefined || (this.answers.at(-1) ?? -1) >= since;
  }

  report(from: number, to: number): ConnectionReport {
    const { name, kind, by, opened, lost, answers } = this;
    return {
      ...{ name, kind, by, opened, lost },
      answers: answers.filter((at) => at >= from && at <= to),
      before: answers.findLast((at) => at < from),
    };
  }
}

/** All connections by name. */
export class ConnectionRecords {
  private readonly records = new Map<string, ConnectionRecord>();

  /** @param monotonicAtZero what the kernel's monotonic clock shows when the lab's shows 0 */
  constructor(private readonly monotonicAtZero = 0) {}

  add(name: string, kind: ConnectionKind, by: ConnectionReport["by"]): void {
    this.records.set(name, new ConnectionRecord(name, kind, by));
  }

  /** Takes one line; one about a name that is over is nobody's. */
  take(text: string): void {
    const line = lineSchema.parse(JSON.parse(text));
    this.records.get(line.name)?.take(line, line.at - this.monotonicAtZero);
  }

  /** Those of one client: their names end in `@CLIENT`, with `/N` behind it where there are several. */
  of(client: string): ConnectionRecord[] {
    return [...this.records.values()].filter(({ name }) => name.split("/")[0]?.endsWith(`@${client}`));
  }

  forget(client: string): void {
    for (const { name } of this.of(client)) this.records.delete(name);
  }
}
