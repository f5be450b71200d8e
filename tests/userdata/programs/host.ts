// A host's programs in a network namespace, told over IPC what to do: run by routed-firewall.ts.
import dgram from "node:dgram";
import net from "node:net";

/** What one host can be asked for; addresses and ports are the wire's own. */
export interface Hosts {
  /** Answers on UDP and TCP with the address that it was asked from. */
  serve(address: string, port: number): Promise<void>;
  /** From where this host was asked since it was last said. */
  heard(): Promise<string[]>;
  /** Sends one datagram and does not wait. */
  send(from: string, to: string, port: number, localPort?: number): Promise<void>;
  /** Sends one datagram and waits for the answer. */
  ask(from: string, to: string, port: number, localPort?: number): Promise<string>;
  /** Opens a connection and waits for the first line. */
  dial(from: string, to: string, port: number): Promise<string>;
  /** Begins to open a connection; the kernel repeats it. */
  knock(from: string, to: string, port: number): Promise<void>;
  /** Ends what was begun. */
  giveUp(): Promise<void>;
  /** Sends a line over the newest connection that was accepted here. */
  push(text: string): Promise<void>;
  /** Waits for the next line of the connection that was opened from here. */
  hear(): Promise<string>;
  /** Ends the connection that was opened from here with a reset. */
  reset(): Promise<void>;
}

const accepted: net.Socket[] = [];
let askers: string[] = [];
let knocking: net.Socket | undefined;
let dialled: net.Socket | undefined;
let lines: AsyncIterator<string> | undefined;

async function* linesOf(socket: net.Socket): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of socket) {
    const parts = (rest + String(chunk)).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function bound(from: string, localPort = 0): Promise<dgram.Socket> {
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(localPort, from, resolve));
  return socket;
}

const host: Hosts = {
  async serve(address, port) {
    const udp = await bound(address, port);
    udp.on("message", (_, asker) => {
      askers.push(asker.address);
      udp.send(asker.address, asker.port, asker.address);
    });
    const tcp = net.createServer((socket) => {
      accepted.push(socket);
      askers.push(String(socket.remoteAddress));
      socket.on("error", () => undefined);
      socket.write(`${socket.remoteAddress}\n`);
    });
    await new Promise<void>((resolve) => tcp.listen(port, address, resolve));
  },
  async heard() {
    const all = askers;
    askers = [];
    return all;
  },
  async send(from, to, port, localPort) {
    const socket = await bound(from, localPort);
    await new Promise<void>((resolve) => socket.send("x", port, to, () => socket.close(resolve)));
  },
  async ask(from, to, port, localPort) {
    const socket = await bound(from, localPort);
    const answer = new Promise<string>((resolve) => socket.once("message", (text) => resolve(String(text))));
    socket.send("x", port, to);
    const text = await answer;
    socket.close();
    return text;
  },
  async dial(from, to, port) {
    dialled = net.connect({ host: to, port, localAddress: from });
    dialled.on("error", () => undefined);
    lines = linesOf(dialled);
    return this.hear();
  },
  async knock(from, to, port) {
    knocking = net.connect({ host: to, port, localAddress: from }).on("error", () => undefined);
  },
  async giveUp() {
    knocking?.destroy();
  },
  async push(text) {
    accepted.at(-1)?.write(`${text}\n`);
  },
  async hear() {
    const next = await lines?.next();
    return String(next?.value);
  },
  async reset() {
    dialled?.resetAndDestroy();
  },
};

process.on("message", ({ id, call, args }: { id: number; call: keyof Hosts; args: never[] }) => {
  const work = host[call] as (...values: never[]) => Promise<unknown>;
  work.apply(host, args).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.send?.({ id: 0 });
