/**
 * Plays the other servers' voices: `players KEY_FILE PORT CLIENTS_FILE SERVERS SECONDS HANDSHAKES MOVES TURN`. For so many seconds each says its heartbeats, all together
 * announce so many handshakes a second of clients that stay where they are, and the session of a client moves to another server so many
 * times a second (in turn 0 to the next server, in turn 1 to the one behind it). At the end one JSON document: what arrived from the measured server, what was sent to it, and each move with its time.
 * Run in the namespace of the players, bundled.
 */
import { createSocket, type Socket } from "node:dgram";
import { readFileSync } from "node:fs";
import { type Message, seal } from "../../agent/mesh/message";
import { holderOf, type Other, others, PLAYERS, session } from "./others";

/** What is heard and said, with the bytes of IPv4 and UDP headers. */
export interface Traffic {
  datagrams: number;
  bytes: number;
}

/** A client's session is announced by another server. */
export interface AnnouncedMove {
  /** Its address with the length, as the route has it. */
  readonly address: string;
  /** The server that it goes to. */
  readonly to: string;
  /** When the announcement was sent, milliseconds since 1970 with fractions. */
  readonly at: number;
}

export interface Played {
  readonly seconds: number;
  /** Heartbeats alone, both ways. */
  readonly heard: Traffic;
  readonly beats: Traffic;
  readonly announced: number;
  readonly moves: readonly AnnouncedMove[];
}

/** A client as the bench writes it down for this program. */
export interface PlayedClient {
  readonly publicKey: string;
  readonly address: string;
}

const HEADERS = 28;
/** As agent/mesh/cluster-link.ts says them where roles depend on them. */
const BEAT_MS = 200;
/** As agent/mesh/mesh.ts repeats an announcement. */
const REPEAT_MS = [15, 60] as const;
const TICK_MS = 20;

class Player {
  private socket: Socket | undefined;
  private number = 0;
  private readonly epoch = Date.now();

  constructor(
    private readonly self: Other,
    private readonly key: Buffer,
    private readonly port: number,
  ) {}

  open(onMessage: (bytes: number) => void): Promise<void> {
    const socket = createSocket("udp4").on("message", ({ length }) => onMessage(length));
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(this.port, this.self.address, resolve);
    });
  }

  /** Sends; resolves with the datagram's size. */
  say(body: Message["body"]): number {
    const head = { from: this.self.instance, epoch: this.epoch, number: ++this.number, at: Date.now() };
    const datagram = seal({ ...head, body }, this.key);
    this.socket?.send(datagram, this.port, PLAYERS.here);
    return datagram.length;
  }

  announce(publicKey: string, at: number): void {
    const holder = this.self.instance;
    const body: Message["body"] = { kind: "sessions", holder, records: [session(publicKey, at)] };
    this.say(body);
    for (const ms of REPEAT_MS) setTimeout(() => this.say(body), ms);
  }

  close(): void {
    this.socket?.close();
  }
}

async function main(words: readonly string[]): Promise<void> {
  const [keyFile = "", port = "", clientsFile = "", ...numbers] = words;
  const [count = 0, seconds = 0, handshakes = 0, moving = 0, turn = 0] = numbers.map(Number);
  const key = Buffer.from(readFileSync(keyFile, "utf8").trim(), "base64");
  const clients = JSON.parse(readFileSync(clientsFile, "utf8")) as PlayedClient[];
  const servers = others(count);
  const players = servers.map((other) => new Player(other, key, Number(port)));
  const heard: Traffic = { datagrams: 0, bytes: 0 };
  const beats: Traffic = { datagrams: 0, bytes: 0 };
  const add = (traffic: Traffic, bytes: number): void => {
    traffic.datagrams += 1;
    traffic.bytes += bytes + HEADERS;
  };
  await Promise.all(players.map((player) => player.open((bytes) => add(heard, bytes))));
  const timers = players.map((player, index) => {
    const beat = (): void =>
      add(
        beats,
        player.say({
          kind: "heartbeat",
          state: "ready",
          zone: `zone-${index % 3}`,
          nextHop: true,
          owns: [],
          since: [],
          calling: [],
        }),
      );
    return setInterval(beat, BEAT_MS);
  });
  const at = clients.map((_, client) => holderOf(client, count));
  const moves: AnnouncedMove[] = [];
  const began = performance.now();
  let announced = 0;
  let moved = 0;
  timers.push(
    setInterval(() => {
      const elapsed = (performance.now() - began) / 1000;
      for (; announced < elapsed * handshakes; announced += 1) {
        // Clients of the second half stay, those of the first are moved.
        const client = Math.floor(clients.length / 2) + (announced % Math.floor(clients.length / 2));
        players[at[client] ?? 0]?.announce(clients[client]?.publicKey ?? "", Date.now());
      }
      for (; moved < Math.floor(elapsed * moving); moved += 1) {
        const client = moved % Math.floor(clients.length / 2);
        const to = ((at[client] ?? 0) + 1 + turn) % count;
        at[client] = to;
        const { publicKey = "", address = "" } = clients[client] ?? {};
        moves.push({
          address,
          to: servers[to]?.address ?? "",
          at: performance.timeOrigin + performance.now(),
        });
        players[to]?.announce(publicKey, Date.now());
      }
    }, TICK_MS),
  );
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  for (const timer of timers) clearInterval(timer);
  const played: Played = { seconds: (performance.now() - began) / 1000, heard, beats, announced, moves };
  // The last announcements are repeated, and every one shall have been sent before the sockets go.
  setTimeout(() => {
    for (const player of players) player.close();
    process.stdout.write(`${JSON.stringify(played)}\n`);
  }, 500);
}

void main(process.argv.slice(2));
