/** What somebody could send to a server to pass for another one, and the way to send it. */
import { randomBytes } from "node:crypto";
import { type Message, open, seal } from "../../agent/mesh/message";
import { OVERLAY_ROUTES } from "../../agent/routed/overlay-routes";
import { eventually, type LabUnderTest } from "./support";

/** UDP port inside the forged packets of clients, by which they are known wherever they come out. */
export const MARK = 4444;

/** The ones' complement sum of RFC 1071. */
function checksum(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const bytesOf = (address: string): Buffer => Buffer.from(address.split(".").map(Number));

/** An IPv4 packet with a UDP datagram to the marked port. */
function innerPacket(from: string, to: string, payload: Buffer): Buffer {
  const ip = Buffer.alloc(20);
  ip.set([0x45, 0], 0);
  ip.writeUInt16BE(28 + payload.length, 2);
  ip.set([64, 17], 8);
  ip.set(bytesOf(from), 12);
  ip.set(bytesOf(to), 16);
  ip.writeUInt16BE(checksum(ip), 10);
  const udp = Buffer.alloc(8); // a checksum of 0 is none (RFC 768)
  udp.writeUInt16BE(MARK, 0);
  udp.writeUInt16BE(MARK, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([ip, udp, payload]);
}

/** VXLAN-GPE as the overlay's device speaks it: instance and next-protocol bits, IPv4, the cluster's number (draft-ietf-nvo3-vxlan-gpe, 3). */
export function overlayDatagram(from: string, to: string): Buffer {
  const head = Buffer.from([0x0c, 0, 0, 1, 0, 0, 0, 0]);
  head.writeUIntBE(OVERLAY_ROUTES.id, 4, 3);
  return Buffer.concat([head, innerPacket(from, to, randomBytes(8))]);
}

/** One of each in turn. */
export const inTurn = (count: number, make: readonly (() => Buffer)[]): Buffer[] =>
  Array.from({ length: count }, (_, index) => make[index % make.length]?.() ?? Buffer.alloc(0));

/** A server, and the clients (public keys) that it is to be taken for the holder of. */
export interface Claim {
  readonly instance: string;
  readonly clients: readonly string[];
}

/** A message with which a server says that it holds these clients' newest sessions. */
export function claim({ instance, clients }: Claim): Message {
  const at = Date.now();
  const records = clients.map((publicKey) => ({
    publicKey,
    index: randomBytes(4).readUInt32BE(),
    at,
  }));
  return { from: instance, epoch: at, number: 1, at, body: { kind: "sessions", holder: instance, records } };
}

/** What one writes who does not have the mesh key: noise, a made-up code before a plausible message, and the code of another key. */
export function forgeries(claims: readonly Claim[]): (() => Buffer)[] {
  const KEY = randomBytes(32);
  const MAC_AT = 4;
  return claims.flatMap((one) => [
    () => randomBytes(randomBytes(1)[0] ?? 0),
    () => {
      const real = seal(claim(one), KEY);
      real.set(randomBytes(32), MAC_AT);
      return real;
    },
    () => seal(claim(one), KEY),
  ]);
}

const SEND = `
const { readFileSync } = require("node:fs");
const { setTimeout: pause } = require("node:timers/promises");
const [file, to, port, from, sourcePort] = process.argv.slice(1);
const socket = require("node:dgram").createSocket("udp4");
const datagrams = readFileSync(file, "utf8").split("\\n").map((line) => Buffer.from(line, "base64"));
socket.bind(Number(sourcePort), from, async () => {
  for (const [index, datagram] of datagrams.entries()) {
    await new Promise((resolve, reject) =>
      socket.send(datagram, Number(port), to, (error) => (error ? reject(error) : resolve())));
    if (index % 10 === 9) await pause(2); // what a receiver's buffer holds is a few hundred
  }
  socket.close();
});`;

/** Where datagrams go, and what they come from: an address of the machine, by default its own, and a port, by default any. */
export interface Way {
  readonly to: string;
  readonly port: number;
  readonly from?: string;
  readonly sourcePort?: number;
}

let files = 0;

/** Sends datagrams from a machine; resolves when all have left it. */
export async function send(
  lab: LabUnderTest,
  machine: string,
  datagrams: readonly Buffer[],
  { to, port, from = "0.0.0.0", sourcePort = 0 }: Way,
): Promise<void> {
  files += 1;
  const file = `/tmp/datagrams-${files}`;
  await lab.write(machine, file, datagrams.map((datagram) => datagram.toString("base64")).join("\n"));
  const args = [file, to, String(port), from, String(sourcePort)];
  const { code, stderr } = await lab.exec(machine, "node", "-e", SEND, ...args);
  if (code !== 0) throw new Error(`${machine} could not send: ${stderr}`);
}

/** Where servers listen for their second key's tunnel: the firewall lets it in, and nobody is there. */
const FREE_PORT = 51821;

const LISTEN = `
const seen = [];
const socket = require("node:dgram").createSocket("udp4");
const kinds = () => seen.map((datagram) => JSON.parse(datagram.subarray(36)).body.kind);
socket.on("message", (datagram) => {
  seen.push(datagram);
  if (seen.length < 20 || !kinds().includes("sessions")) return;
  process.stdout.write(seen.map((one) => one.toString("base64")).join("\\n"));
  socket.close();
});
socket.bind(${FREE_PORT}, () => require("node:fs").writeFileSync("/run/listening", ""));
setTimeout(() => process.exit(1), 30_000).unref();`;

/**
 * Takes datagrams of one server off the wire as they arrive at another, at least one of them an announcement of sessions: every second one,
 * so that the servers do not lose each other.
 *
 * @param cause makes the server announce something
 */
export async function capture(
  lab: LabUnderTest,
  { from, at, key, cause }: { from: string; at: string; key: Buffer; cause: () => Promise<unknown> },
): Promise<Buffer[]> {
  await lab.sh(at, "rm -f /run/listening");
  const rule = `ip saddr ${from} udp dport 51830 numgen inc mod 2 == 0 udp dport set ${FREE_PORT}`;
  const chain = "add chain ip tap packets { type filter hook prerouting priority raw - 10; }";
  const listening = lab.exec(at, "node", "-e", LISTEN);
  let isOver = false;
  const over = listening.finally(() => {
    isOver = true;
  });
  await eventually(
    () =>
      lab.sh(at, "test -e /run/listening").then(
        () => true,
        () => undefined,
      ),
    "a listener",
  );
  await lab.sh(at, `nft 'add table ip tap; ${chain}; add rule ip tap packets ${rule}'`);
  try {
    await eventually(async () => (isOver ? true : cause().then(() => undefined)), "captured datagrams");
  } finally {
    await lab.sh(at, "nft delete table ip tap");
  }
  const captured = (await over).stdout.split("\n").map((line) => Buffer.from(line, "base64"));
  expect(captured.filter((datagram) => open(datagram, key) === undefined)).toEqual([]);
  return captured;
}
