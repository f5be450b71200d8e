import { createSocket, type Socket } from "node:dgram";
import { probeAddress } from "../wireguard/addresses";
import { PROBE } from "../wireguard/probe";
import type { Clock } from "./clock";
import { STARTING } from "./health";
import { messageOf } from "./log";

/** Sends the probe's packets; tests bring their own. */
export interface ProbeLine {
  /** Sends a packet on its way; `onAnswer` is called when its answer comes back. The packet before it is given up. */
  send(number: number, onAnswer: () => void): void;
  /** Makes the server start a new session with its probe, where it has lost the one that there was. */
  renew(): void;
  close(): void;
  /** What keeps it from sending, if anything does. */
  readonly problem: string | undefined;
}

/**
 * Sends a packet through the tunnel and back with each beat, and knows whether the one before has arrived.
 *
 * INVARIANTS: a packet is judged exactly once, by the next beat; an answer that comes later counts for nothing.
 */
export class Probe {
  private number = 0;
  private answered: boolean | undefined;

  /** How the last packet went; undefined before the first was judged. */
  last: "arrived" | "lost" | undefined;
  /** Packets lost since one arrived, and since the start. */
  lostInRow = 0;
  lostTotal = 0;
  /** Milliseconds that the last packet took that arrived. */
  roundTripMs: number | undefined;

  constructor(
    private readonly line: ProbeLine,
    private readonly clock: Clock,
  ) {}

  /** Judges the last packet and sends the next; returns whether the verdict has changed. */
  beat(): boolean {
    const before = this.last;
    if (this.answered !== undefined) this.judge(this.answered);
    const number = ++this.number;
    const sentAt = this.clock.monotonic();
    this.answered = false;
    this.line.send(number, () => {
      if (this.number !== number || this.answered === true) return;
      this.answered = true;
      this.roundTripMs = this.clock.monotonic() - sentAt;
    });
    if (this.last === "lost") this.line.renew();
    return this.last !== before;
  }

  stop(): void {
    this.line.close();
  }

  /** Why health fails; undefined while packets arrive. */
  get problem(): string | undefined {
    if (this.last === "arrived") return undefined;
    if (this.last === undefined) return `${STARTING}no packet has come back through the tunnel yet`;
    const why = this.line.problem === undefined ? "" : ` (${this.line.problem})`;
    return `a packet through tunnel, firewall and masquerade does not come back${why}`;
  }

  private judge(answered: boolean): void {
    this.last = answered ? "arrived" : "lost";
    if (answered) {
      this.lostInRow = 0;
      return;
    }
    this.lostInRow++;
    this.lostTotal++;
  }
}

/** Nobody listens there: WireGuard drops the packet in the probe, which takes from the server only what the target sends. */
const DISCARD_PORT = 9;

/**
 * The real line: one socket sends into the probe's namespace, another takes what comes out of the server's masquerade and
 * answers it; the answer goes the whole way back.
 *
 * INVARIANTS: each packet has a socket of its own, hence a new port and a new flow: connection tracking would lead an old
 * flow through a masquerade that is gone.
 */
export class UdpProbeLine implements ProbeLine {
  problem: string | undefined;
  private echo: Socket | undefined;
  private socket: Socket | undefined;

  /** `tunnel`: the range of the tunnel. */
  constructor(private readonly tunnel: string) {}

  send(number: number, onAnswer: () => void): void {
    this.problem = undefined;
    this.echo ??= this.listen();
    this.socket?.close();
    const text = String(number);
    this.socket = this.open(0);
    this.socket.on("message", (message) => message.toString() === text && onAnswer());
    this.socket.send(text, PROBE.ports.entry, PROBE.inside.address);
  }

  /**
   * A server whose sessions were cleared (an interface that was down) starts one when it has something to send; the probe
   * itself would notice only after 15 s (WireGuard whitepaper, section 6: Keepalive-Timeout + Rekey-Timeout).
   */
  renew(): void {
    this.socket?.send("", DISCARD_PORT, probeAddress(this.tunnel), () => {});
  }

  close(): void {
    this.socket?.close();
    this.echo?.close();
    this.socket = undefined;
    this.echo = undefined;
  }

  private listen(): Socket {
    const socket = this.open(PROBE.ports.echo);
    // Bound again with the next packet, when the address is there.
    socket.on("error", () => {
      socket.close();
      this.echo = undefined;
    });
    socket.on("message", (message, from) => {
      if (from.address === PROBE.inside.address) socket.send(message, from.port, from.address, () => {});
    });
    return socket;
  }

  private open(port: number): Socket {
    const socket = createSocket("udp4");
    socket.on("error", (error) => {
      this.problem = messageOf(error);
    });
    socket.bind(port, PROBE.outside.address);
    return socket;
  }
}
