import { createSocket, type Socket } from "node:dgram";
import type { Clock, Timer } from "../clock";
import { type Log, messageOf } from "../log";

/** Datagrams to and from the other servers; tests bring their own. */
export interface MeshLine {
  /** Sends, or does nothing while that is not possible. */
  send(datagram: Buffer, address: string): void;
  onDatagram(take: (datagram: Buffer, address: string) => void): void;
  close(): void;
  /** What keeps it from working; undefined when nothing does. */
  readonly problem: string | undefined;
}

const RETRY_MS = 2000;

/** The mesh's UDP socket. It is opened again when it fails. */
export class UdpMeshLine implements MeshLine {
  private socket: Socket | undefined;
  /** Which is being opened. */
  private opening: Socket | undefined;
  private take: (datagram: Buffer, address: string) => void = () => {};
  private timer: Timer | undefined;
  private closed = false;
  problem: string | undefined;

  constructor(
    private readonly port: number,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {
    this.open();
  }

  onDatagram(take: (datagram: Buffer, address: string) => void): void {
    this.take = take;
  }

  send(datagram: Buffer, address: string): void {
    // A server that cannot be reached is found by its silence; the error of one datagram says nothing more.
    this.socket?.send(datagram, this.port, address, () => {});
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    (this.socket ?? this.opening)?.close();
    this.socket = undefined;
    this.opening = undefined;
  }

  private open(): void {
    const socket = createSocket("udp4");
    this.opening = socket;
    socket.on("message", (datagram, { address }) => this.take(datagram, address));
    socket.on("error", (error) => this.onError(socket, error));
    socket.bind(this.port, () => {
      if (this.closed) return;
      this.socket = socket;
      this.opening = undefined;
      this.problem = undefined;
    });
  }

  private onError(socket: Socket, error: Error): void {
    if (this.closed) return;
    socket.close();
    this.socket = undefined;
    this.opening = undefined;
    this.problem = `UDP port ${this.port}: ${messageOf(error)}`;
    this.log.error({ problem: this.problem }, "this server cannot speak to the others");
    this.timer = this.clock.after(RETRY_MS, () => this.open());
  }
}
