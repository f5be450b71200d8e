/**
 * Plays the other servers' voices: `players KEY_FILE PORT CLIENTS_FILE SERVERS SECONDS HANDSHAKES MOVES TURN`.
 *
 * For so many seconds each says its heartbeats, all together announce so many handshakes a second of clients that stay where they
 * are, and the session of a client moves to another server so many times a second (in turn 0 to the next server, in turn 1 to the
 * one behind it). At the end one JSON document, `Played`. Run in the namespace of the players, bundled.
 */
import { readFileSync } from "node:fs";
import { PACE } from "../../agent/mesh/members";
import { holderOf, type Other, others } from "./others";
import { Player } from "./player";

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
const TICK_MS = 20;
/** After the last tick, for its announcements' repetitions. */
const LAST_WORDS_MS = 500;

/** What is to be played. */
interface Part {
  readonly servers: readonly Other[];
  readonly players: readonly Player[];
  readonly clients: readonly PlayedClient[];
  readonly handshakesPerSecond: number;
  readonly movesPerSecond: number;
  readonly turn: number;
}

function count(traffic: Traffic, bytes: number): void {
  traffic.datagrams += 1;
  traffic.bytes += bytes + HEADERS;
}

function beat(player: Player, index: number): number {
  const zone = `zone-${index % 3}`;
  return player.say({
    ...({ kind: "heartbeat", state: "ready", zone, nextHop: true, steady: true, calm: true } as const),
    ...{ owns: [], since: [], calling: [] },
  });
}

/** The clients' sessions as time goes on: those of the first half move, those of the second stay and shake hands. */
class Sessions {
  announced = 0;
  readonly moves: AnnouncedMove[] = [];
  private readonly holders: number[];
  private readonly half: number;

  constructor(private readonly part: Part) {
    this.half = Math.floor(part.clients.length / 2);
    this.holders = part.clients.map((_, client) => holderOf(client, part.servers.length));
  }

  /** Does what is due after so many seconds. */
  advance(elapsed: number): void {
    const { handshakesPerSecond, movesPerSecond } = this.part;
    for (; this.announced < elapsed * handshakesPerSecond; this.announced += 1)
      this.announce(this.half + (this.announced % this.half));
    while (this.moves.length < Math.floor(elapsed * movesPerSecond)) this.move(this.moves.length % this.half);
  }

  private move(client: number): void {
    const { clients, servers, turn } = this.part;
    const to = ((this.holders[client] ?? 0) + 1 + turn) % servers.length;
    this.holders[client] = to;
    this.moves.push({
      address: clients[client]?.address ?? "",
      to: servers[to]?.address ?? "",
      at: performance.timeOrigin + performance.now(),
    });
    this.announce(client);
  }

  private announce(client: number): void {
    const { players, clients } = this.part;
    players[this.holders[client] ?? 0]?.announce(clients[client]?.publicKey ?? "");
  }
}

async function play(part: Part, seconds: number): Promise<Played> {
  const heard: Traffic = { datagrams: 0, bytes: 0 };
  const beats: Traffic = { datagrams: 0, bytes: 0 };
  await Promise.all(part.players.map((player) => player.open((bytes) => count(heard, bytes))));
  const sessions = new Sessions(part);
  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  const timers = part.players.map((player, index) =>
    setInterval(() => count(beats, beat(player, index)), PACE.quick.everyMs),
  );
  timers.push(setInterval(() => sessions.advance(elapsed()), TICK_MS));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  for (const timer of timers) clearInterval(timer);
  return { seconds: elapsed(), heard, beats, announced: sessions.announced, moves: sessions.moves };
}

async function main(words: readonly string[]): Promise<void> {
  const [keyFile = "", port = "", clientsFile = "", ...numbers] = words;
  const [size = 0, seconds = 0, handshakesPerSecond = 0, movesPerSecond = 0, turn = 0] = numbers.map(Number);
  const key = Buffer.from(readFileSync(keyFile, "utf8").trim(), "base64");
  const clients = JSON.parse(readFileSync(clientsFile, "utf8")) as PlayedClient[];
  const servers = others(size);
  const players = servers.map((other) => new Player(other, key, Number(port)));
  const played = await play(
    { servers, players, clients, handshakesPerSecond, movesPerSecond, turn },
    seconds,
  );
  // Every repetition shall have been sent before the sockets go.
  await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS));
  for (const player of players) player.close();
  process.stdout.write(`${JSON.stringify(played)}\n`);
}

void main(process.argv.slice(2));
