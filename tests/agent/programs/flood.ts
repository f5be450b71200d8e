// Transport packets with made-up receiver indices from made-up addresses: `flood ADDRESS PORT COUNT`. The addresses are local
// here (198.18.0.0/15), so that plain sockets can send from them.
import { randomBytes, randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";

const [address = "", port = "", count = ""] = process.argv.slice(2);
const PACKETS_PER_SOURCE = 50;

async function main(): Promise<void> {
  for (let left = Number(count); left > 0; ) {
    const socket = createSocket("udp4");
    socket.bind(0, `198.${18 + randomInt(2)}.${randomInt(256)}.${randomInt(256)}`);
    await once(socket, "listening");
    const many = Math.min(PACKETS_PER_SOURCE, left);
    await new Promise<void>((resolve, reject) => {
      let open = many;
      for (let i = 0; i < many; i++) {
        const packet = randomBytes(48);
        packet.set([4, 0, 0, 0]);
        socket.send(packet, Number(port), address, (error) =>
          error ? reject(error) : --open === 0 && resolve(),
        );
      }
    });
    socket.close();
    left -= many;
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
