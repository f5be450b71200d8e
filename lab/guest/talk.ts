/**
 * Long connections of the lab's machines: `talk PORT` answers, on that port, every line of a TCP connection and every datagram with what
 * it was, and obeys lines on standard input:
 *
 *   tcp NAME HOST PORT INTERVAL_MS    keeps one TCP connection, and sends a line every so many milliseconds
 *   udp NAME HOST PORT INTERVAL_MS    sends a datagram every so many milliseconds
 *   idle NAME HOST PORT COUNT         opens so many TCP connections, NAME/1 to NAME/COUNT, and keeps silent
 *   use NAME                          sends one line on each of the idle connections
 *   close NAME                        ends what has that name, without a word
 *
 * On standard output `ready` when it listens, then one JSON line for each thing that happens to a name: {"name", "open"} when a TCP connection stands, {"name", "seq",
 * "rtt" in ms} for an answer, {"name", "lost": why} when a connection has ended by itself; each with "at". Ends with its standard input.
 */
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** Milliseconds of the kernel's monotonic clock, which all machines of a lab share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;
const print = (line: object): boolean => process.stdout.write(`${JSON.stringify({ ...line, at: now() })}\n`);

/** Calls back with each line of a connection. */
function onLines(socket: Socket, callback: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) callback(line);
  });
}

function serve(port: number): void {
  createServer((socket) => {
    socket.setNoDelay(true);
    onLines(socket, (line) => socket.write(`${line}\n`));
    socket.on("error", () => socket.destroy());
  }).listen(port, () => process.stdout.write("ready\n"));
  const udp = createSocket("udp4");
  udp.on("message", (message, from) => udp.send(message, from.port, from.address, () => {}));
  udp.bind(port);
}

/** Tells of one answer: a line or datagram `SEQ SENT_AT`. */
function answered(name: string, text: string): void {
  const [seq, sent] = text.split(" ").map(Number);
  print({ name, seq, rtt: now() - (sent ?? 0) });
}

/** Connections that end because somebody here said so. */
const closing = new WeakSet<Socket>();
/** What is going on, by name, each with its end. */
const going = new Map<string, () => void>();
const idle = new Map<string, Map<string, Socket>>();

/** One connection; what ends it is told once, unless it was closed from here. */
function open(name: string, host: string, port: number): Socket {
  const socket = connect(port, host);
  let why = "closed by the other end";
  socket.setNoDelay(true);
  socket.once("connect", () => print({ name, open: true }));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    why = error.code ?? error.message;
  });
  socket.once("close", () => {
    if (!closing.has(socket)) print({ name, lost: why });
  });
  onLines(socket, (line) => answered(name, line));
  return socket;
}

function end(socket: Socket): void {
  closing.add(socket);
  socket.destroy();
}

function tcp(name: string, host: string, port: number, interval: number): void {
  const socket = open(name, host, port);
  let seq = 0;
  const timer = setInterval(() => {
    if (socket.writable && !socket.connecting) socket.write(`${++seq} ${now()}\n`);
  }, interval);
  socket.once("close", () => clearInterval(timer));
  going.set(name, () => end(socket));
}

function udp(name: string, host: string, port: number, interval: number): void {
  const socket: UdpSocket = createSocket("udp4");
  let seq = 0;
  socket.on("message", (message) => answered(name, message.toString()));
  // Without a route or a handshake yet, sending fails now and then; the missing answer is what counts.
  socket.on("error", () => {});
  const timer = setInterval(() => socket.send(`${++seq} ${now()}`, port, host, () => {}), interval);
  going.set(name, () => {
    clearInterval(timer);
    socket.close();
  });
}

function openIdle(name: string, host: string, port: number, count: number): void {
  const names = Array.from({ length: count }, (_, index) => `${name}/${index + 1}`);
  const sockets = new Map(names.map((one) => [one, open(one, host, port)]));
  idle.set(name, sockets);
  going.set(name, () => {
    for (const socket of sockets.values()) end(socket);
  });
}

function obey(line: string): void {
  const [verb, name = "", host = "", port, number] = line.split(" ");
  switch (verb) {
    case "tcp":
      tcp(name, host, Number(port), Number(number));
      break;
    case "udp":
      udp(name, host, Number(port), Number(number));
      break;
    case "idle":
      openIdle(name, host, Number(port), Number(number));
      break;
    case "use":
      for (const socket of idle.get(name)?.values() ?? []) if (socket.writable) socket.write(`1 ${now()}\n`);
      break;
    case "close":
      going.get(name)?.();
      going.delete(name);
      idle.delete(name);
  }
}

serve(Number(process.argv[2]));
createInterface({ input: process.stdin })
  .on("line", obey)
  .on("close", () => process.exit(0));
