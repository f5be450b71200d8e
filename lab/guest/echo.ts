/**
 * Traffic of the lab's machines: `echo serve PORT` answers every datagram with what it was and where it came from,
 * `echo probe HOST PORT INTERVAL_MS` sends numbered datagrams and prints one JSON line for each answer. A number on its standard
 * input is a new interval, which begins at once; 0 is silence. Both end when their standard input is closed.
 */
import { createSocket } from "node:dgram";
import { createInterface } from "node:readline";

function serve(port: number): void {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) =>
    socket.send(`${message.toString()} ${from.address}`, from.port, from.address),
  );
  socket.bind(port);
}

/** Milliseconds of the kernel's monotonic clock, which all machines of a lab share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Prints {"sent": n, "at"} when a datagram leaves and {"seq", "rtt" in ms, "via": source address the other end saw, "at"}. */
function probe(host: string, port: number, interval: number): void {
  const socket = createSocket("udp4");
  const print = (line: object): boolean => process.stdout.write(`${JSON.stringify(line)}\n`);
  let seq = 0;
  socket.on("message", (message) => {
    const [number, sent, via] = message.toString().split(" ");
    const at = now();
    print({ seq: Number(number), rtt: at - Number(sent), via, at });
  });
  // Without a route or a handshake yet, sending fails now and then; the missing answer is what counts.
  socket.on("error", () => {});
  const send = (): void => {
    seq += 1;
    const at = now();
    print({ sent: seq, at });
    socket.send(`${seq} ${at}`, port, host, () => {});
  };
  socket.bind(0, () => {
    let timer = setInterval(send, interval);
    createInterface({ input: process.stdin }).on("line", (line) => {
      clearInterval(timer);
      if (Number(line) === 0) return;
      send();
      timer = setInterval(send, Number(line));
    });
  });
}

const [role, ...rest] = process.argv.slice(2);
if (role === "serve") serve(Number(rest[0]));
else probe(rest[0] ?? "", Number(rest[1]), Number(rest[2]));
process.stdin.resume().on("end", () => process.exit(0));
