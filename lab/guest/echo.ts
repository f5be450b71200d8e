/**
 * Traffic of the lab's machines: `echo serve PORT` answers every datagram with what it was and where it came from,
 * `echo probe HOST PORT INTERVAL_MS` sends numbered datagrams and prints one JSON line for each answer. Both end when their standard
 * input is closed.
 */
import { createSocket } from "node:dgram";

function serve(port: number): void {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) =>
    socket.send(`${message.toString()} ${from.address}`, from.port, from.address),
  );
  socket.bind(port);
}

/** Prints {"sent": n} when a datagram leaves and {"seq", "rtt" in ms, "via": source address the other end saw}. */
function probe(host: string, port: number, interval: number): void {
  const socket = createSocket("udp4");
  const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
  let seq = 0;
  socket.on("message", (message) => {
    const [number, sent, via] = message.toString().split(" ");
    print({ seq: Number(number), rtt: performance.now() - Number(sent), via });
  });
  // Without a route or a handshake yet, sending fails now and then; the missing answer is what counts.
  socket.on("error", () => {});
  socket.bind(0, () => {
    setInterval(() => {
      seq += 1;
      print({ sent: seq });
      socket.send(`${seq} ${performance.now()}`, port, host, () => {});
    }, interval);
  });
}

const [role, ...rest] = process.argv.slice(2);
if (role === "serve") serve(Number(rest[0]));
else probe(rest[0] ?? "", Number(rest[1]), Number(rest[2]));
process.stdin.resume().on("end", () => process.exit(0));
