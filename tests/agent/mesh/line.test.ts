import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { UdpMeshLine } from "../../../agent/mesh/line";
import { FakeClock } from "../fake-clock";
import { silent } from "../fixtures";

const LOCAL = "127.0.0.1";
const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function socketAt(port = 0): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(port);
  await once(socket, "listening");
  return socket;
}
const portOf = (socket: Socket): number => (socket.address() as AddressInfo).port;

const TURNS = 20_000;

/** Looks again with each turn of the event loop. */
async function until<T>(look: () => T | undefined): Promise<T> {
  for (let turn = 0; turn < TURNS; turn++) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error("it does not come");
}

test("a port that is taken is said, and the line is opened again until it is free; then datagrams pass both ways", async () => {
  const taken = await socketAt();
  const port = portOf(taken);
  const clock = new FakeClock();
  const line = new UdpMeshLine(port, clock, silent);
  open.push(line);
  const heard: [string, string][] = [];
  line.onDatagram((datagram, address) => heard.push([datagram.toString(), address]));
  const isTaken = new RegExp(`^UDP port ${port}: .*EADDRINUSE`);
  expect(await until(() => line.problem)).toMatch(isTaken);
  line.send(Buffer.from("nothing"), LOCAL); // nobody minds
  taken.close();
  await once(taken, "close");
  await clock.advance(1999);
  expect(line.problem).toMatch(isTaken);
  await clock.advance(1);
  await until(() => line.problem === undefined || undefined);
  line.send(Buffer.from("hello"), LOCAL); // to the same port: to itself
  expect(await until(() => heard[0])).toEqual(["hello", LOCAL]);
});

test("a line that is closed before it is open gives its port back", async () => {
  const first = await socketAt();
  const port = portOf(first);
  first.close();
  await once(first, "close");
  new UdpMeshLine(port, new FakeClock(), silent).close();
  let next: Socket | undefined;
  for (let tries = 0; next === undefined && tries < TURNS / 10; tries++) {
    next = await socketAt(port).catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (next === undefined) throw new Error("the port is still taken");
  open.push(next);
});
