/**
 * As many bytes as one TCP connection carries: `bulk listen PORT send|receive SECONDS` waits for one connection,
 * `bulk connect HOST PORT send|receive SECONDS` makes it, trying again until somebody listens. The one that receives prints one
 * JSON line {"bytes", "seconds"} about what came after a warm-up of one second. Both end with the connection.
 */
import { connect, createServer, type Socket } from "node:net";

const WARM_UP_MS = 1000;
const CHUNK = Buffer.alloc(256 * 1024);
const RETRY_MS = 50;

function send(socket: Socket, seconds: number): void {
  const end = performance.now() + WARM_UP_MS + seconds * 1000;
  const fill = (): void => {
    while (performance.now() < end) if (!socket.write(CHUNK)) return;
    socket.end();
  };
  socket.on("drain", fill);
  fill();
}

function receive(socket: Socket): void {
  let began = 0;
  let first = 0;
  let bytes = 0;
  let last = 0;
  socket.on("data", (data: Buffer) => {
    last = performance.now();
    first ||= last;
    if (last - first < WARM_UP_MS) return;
    if (began === 0)
      began = last; // what arrived up to here is not counted
    else bytes += data.length;
  });
  socket.on("end", () => {
    process.stdout.write(`${JSON.stringify({ bytes, seconds: (last - began) / 1000 })}\n`);
    socket.end();
  });
}

function use(socket: Socket, role: string | undefined, seconds: number): void {
  if (role === "send") {
    socket.resume();
    send(socket, seconds);
  } else receive(socket);
}

function dial(host: string, port: number, role: string | undefined, seconds: number): void {
  const socket = connect(port, host);
  socket.once("error", () => setTimeout(() => dial(host, port, role, seconds), RETRY_MS));
  socket.once("connect", () => {
    socket.removeAllListeners("error");
    use(socket, role, seconds);
  });
}

const [verb, ...rest] = process.argv.slice(2);
if (verb === "listen") {
  const [port, role, seconds] = rest;
  const server = createServer((socket) => {
    server.close();
    use(socket, role, Number(seconds));
  });
  server.listen(Number(port));
} else {
  const [host = "", port, role, seconds] = rest;
  dial(host, Number(port), role, Number(seconds));
}
