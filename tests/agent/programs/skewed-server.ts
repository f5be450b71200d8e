// A server whose clock is wrong: waits for a client's stray packet and begins a handshake with it, with the timestamps it is
// told, until one is answered. `skewed-server KEY_FILE CLIENT_KEY TIME...`; `+N` is so many milliseconds from now.
// Prints `{"refused":[...],"at":...,"index":...}`.
import { randomInt } from "node:crypto";
import { createSocket, type RemoteInfo } from "node:dgram";
import { readFileSync } from "node:fs";
import { blake2sMac } from "../../../wireguard/blake2s";
import { begin } from "../../../wireguard/handshake";

const [keyFile = "", clientKey = "", ...times] = process.argv.slice(2);
/** A client that accepts answers in milliseconds. */
const REFUSED_AFTER_MS = 1500;

const socket = createSocket("udp4");
const next = (limitMs: number, fits: (packet: Buffer) => boolean) =>
  new Promise<{ packet: Buffer; from: RemoteInfo } | undefined>((resolve) => {
    const onMessage = (packet: Buffer, from: RemoteInfo) => {
      if (fits(packet)) end({ packet, from });
    };
    const end = (found: { packet: Buffer; from: RemoteInfo } | undefined) => {
      clearTimeout(timer);
      socket.off("message", onMessage);
      resolve(found);
    };
    const timer = setTimeout(() => end(undefined), limitMs);
    socket.on("message", onMessage);
  });

async function main(): Promise<void> {
  await new Promise<void>((resolve) => socket.bind(51820, resolve));
  console.log("listening");
  const stray = await next(20_000, (packet) => packet[0] === 4);
  if (stray === undefined) throw new Error("no client came");
  const { address, port } = stray.from;
  const refused: number[] = [];
  for (const time of times) {
    const at = time.startsWith("+") ? Date.now() + Number(time) : Number(time);
    const index = randomInt(1, 2 ** 32);
    const privateKey = Buffer.from(readFileSync(keyFile, "utf8"), "base64");
    const handshake = begin({ privateKey, peer: Buffer.from(clientKey, "base64"), index, at }, blake2sMac);
    socket.send(handshake.initiation, port, address);
    const answer = await next(
      REFUSED_AFTER_MS,
      (packet) => packet[0] === 2 && packet.readUInt32LE(8) === index,
    );
    if (answer === undefined) {
      refused.push(at);
      continue;
    }
    await new Promise((resolve) => socket.send(handshake.finish(answer.packet), port, address, resolve));
    console.log(JSON.stringify({ refused, at, index }));
    break;
  }
  socket.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
