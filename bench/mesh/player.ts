/** One of the other servers of the benchmark of the mesh: its voice, and what it hears. */
import { createSocket, type Socket } from "node:dgram";
import { REPEAT_MS } from "../../agent/mesh/mesh";
import { type Message, seal } from "../../agent/mesh/message";
import { sessionNow } from "../session-now";
import { type Other, PLAYERS } from "./others";

export class Player {
  private socket: Socket | undefined;
  private number = 0;
  private readonly epoch = Date.now();

  constructor(
    private readonly self: Other,
    private readonly key: Buffer,
    private readonly port: number,
  ) {}

  /** @param onMessage gets the size of each datagram that arrives, without headers */
  open(onMessage: (bytes: number) => void): Promise<void> {
    const socket = createSocket("udp4").on("message", ({ length }) => onMessage(length));
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(this.port, this.self.address, resolve);
    });
  }

  /** Sends to the measured server; returns the datagram's size, without headers. */
  say(body: Message["body"]): number {
    const head = { from: this.self.instance, epoch: this.epoch, number: ++this.number, at: Date.now() };
    const datagram = seal({ ...head, body }, this.key);
    this.socket?.send(datagram, this.port, PLAYERS.here);
    return datagram.length;
  }

  announce(publicKey: string): void {
    const holder = this.self.instance;
    const body: Message["body"] = { kind: "sessions", holder, records: [sessionNow(publicKey)] };
    this.say(body);
    for (const ms of REPEAT_MS) setTimeout(() => this.say(body), ms);
  }

  close(): void {
    this.socket?.close();
  }
}
