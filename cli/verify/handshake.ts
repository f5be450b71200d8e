/** Asks a WireGuard endpoint for a handshake, from user space: no interface, no rights, nothing to clean up but a socket. */
import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { blake2sMac } from "../../wireguard/blake2s";
import { begin } from "../../wireguard/handshake";

/** Who asks whom. */
export interface Caller {
  /** Own private key and the servers' public key, base64. */
  readonly privateKey: string;
  readonly serverPublicKey: string;
}

/** Message type 2 of 92 bytes: the answer (whitepaper, section 5.4.3). */
const ANSWER = { type: 2, bytes: 92 };
/** A server that is busy answers with a cookie instead; the next try comes in a moment anyway. */
const LIMIT_MS = 2000;

/** One client's socket: its flow through the load balancer. */
export class HandshakeSocket {
  private constructor(
    private readonly socket: Socket,
    private readonly caller: Caller,
  ) {}

  static open(address: string, port: number, caller: Caller): Promise<HandshakeSocket> {
    const socket = createSocket("udp4");
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.connect(port, address, () => {
        socket.removeListener("error", reject);
        // An ICMP error is an answer that did not come.
        socket.on("error", () => undefined);
        resolve(new HandshakeSocket(socket, caller));
      });
    });
  }

  /**
   * A whole handshake. Its answer can only be made by who has the servers' private key and knows this client.
   *
   * @returns milliseconds until the answer; undefined when none came in time
   */
  ask(limitMs = LIMIT_MS): Promise<number | undefined> {
    const index = randomInt(1, 2 ** 32 - 1);
    const handshake = begin(
      {
        privateKey: Buffer.from(this.caller.privateKey, "base64"),
        peer: Buffer.from(this.caller.serverPublicKey, "base64"),
        index,
        at: Date.now(),
      },
      blake2sMac,
    );
    const since = performance.now();
    return new Promise((resolve) => {
      const settle = (result: number | undefined): void => {
        clearTimeout(timer);
        this.socket.removeListener("message", take);
        resolve(result);
      };
      const timer = setTimeout(() => settle(undefined), limitMs);
      const take = (message: Buffer): void => {
        const ours =
          message[0] === ANSWER.type && message.length === ANSWER.bytes && message.readUInt32LE(8) === index;
        if (!ours) return;
        const took = performance.now() - since;
        try {
          // The first packet confirms the session; without it the server goes on with none.
          this.socket.send(handshake.finish(message));
          settle(took);
        } catch {
          // It cannot be opened: somebody else made it.
        }
      };
      this.socket.on("message", take);
      this.socket.send(handshake.initiation);
    });
  }

  close(): void {
    this.socket.close();
  }
}
