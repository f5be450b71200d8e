/** A deployed stack: its control function, the AWS CLI's sessions, and handshakes from this machine. */
import { resolve4 } from "node:dns/promises";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../config/errors";
import { generateKeyPair } from "../../wireguard/keys";
import { SILENT_SECONDS } from "../client-wait";
import type { Control } from "../operator";
import { runAws, type ServerCommand, sessionArguments, sessionPlace, shellLine } from "../session";
import { HandshakeSocket } from "./handshake";
import { readHealth } from "./health";
import type { TestClient, VerifyWorld } from "./steps";

/** Seconds after which the client is refused even if this machine dies before it removes it. */
const EXPIRES_SECONDS = 900;
/** How long a new client takes to reach all servers, at most, and how often a handshake is tried meanwhile. */
const APPLY_LIMIT_MS = 15_000;
const PACE_MS = 500;
/** Servers record a session within a second; NFS may show it a second later. */
const RECORD_LIMIT_MS = 10_000;
/** So long after the last handshake its record has been seen. */
const SETTLE_MS = 3000;

export function stackWorld(project: string, stack: string, control: Control): VerifyWorld {
  const place = sessionPlace(project, stack);
  const onServer = async (server: string, command: ServerCommand): Promise<string> => {
    const args = sessionArguments(place, server, command);
    const { code, output } = await runAws(args, true);
    if (code === 0) return output;
    throw new UserError(
      `${output.trim()}\nthe AWS CLI ended with code ${code}; it ran:\n${shellLine(["aws", ...args])}`,
    );
  };
  const endpoint = async (): Promise<{ host: string; port: number }> => {
    const { endpoint: text } = (await control.call("status", {})).result;
    const [, host = "", port = ""] = /^(.*):(\d+)$/.exec(text) ?? [];
    return { host, port: Number(port) };
  };
  const addresses = async (): Promise<string[]> => resolve4((await endpoint()).host);
  return {
    label: `stack ${stack}`,
    addresses,
    async servers() {
      const { nodes } = (await control.call("status", {})).result;
      return nodes.filter(({ ageSeconds }) => ageSeconds <= SILENT_SECONDS).map(({ instance }) => instance);
    },
    async join(name) {
      const { port } = await endpoint();
      return join(control, name, await addresses(), port);
    },
    health: async (server) => readHealth(await onServer(server, "health")),
    drain: async (server, on) => void (await onServer(server, on ? "drain" : "undrain")),
    sleep: (milliseconds, signal) => pause(milliseconds, undefined, { signal }),
  };
}

async function join(
  control: Control,
  name: string,
  addresses: readonly string[],
  port: number,
): Promise<TestClient> {
  const { publicKey, privateKey } = generateKeyPair();
  const expiresAt = new Date(Date.now() + EXPIRES_SECONDS * 1000).toISOString().replace(/\.\d+Z$/, "Z");
  await control.call("add", { name, publicKey, expiresAt, tags: { purpose: "verify" } });
  const sockets: { address: string; socket: HandshakeSocket }[] = [];
  const remove = async (): Promise<void> => {
    for (const { socket } of sockets) socket.close();
    await control.call("remove", { name });
  };
  try {
    const { config } = (await control.call("config", { name })).result;
    for (const address of addresses)
      sockets.push({
        address,
        socket: await HandshakeSocket.open(address, port, {
          privateKey,
          serverPublicKey: config.serverPublicKey,
        }),
      });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    handshakes: () =>
      Promise.all(sockets.map(async ({ address, socket }) => ({ address, ms: await first(socket) }))),
    longestGap: (during) => longestGap(sockets[0]?.socket, during),
    server: () => serverOf(control, name, sockets[0]?.socket),
    remove,
  };
}

/**
 * The server of the flow that is watched, which may be another one than that of the other addresses' flows: one more handshake on it,
 * and then the record of a session that was not there before. (Clocks differ, so times cannot be compared with this machine's.)
 */
async function serverOf(
  control: Control,
  name: string,
  socket: HandshakeSocket | undefined,
): Promise<string | undefined> {
  const session = async () => (await control.call("show", { name })).result.session;
  await pause(SETTLE_MS);
  const before = (await session())?.at;
  if ((await socket?.ask()) === undefined) return undefined;
  const late = performance.now() + RECORD_LIMIT_MS;
  while (performance.now() < late) {
    const now = await session();
    if (now !== undefined && now.at !== before) return now.instance;
    await pause(PACE_MS);
  }
  return undefined;
}

/** Servers take a new client up within a second or two; the first answer counts. */
async function first(socket: HandshakeSocket): Promise<number | undefined> {
  const late = performance.now() + APPLY_LIMIT_MS;
  while (performance.now() < late) {
    const ms = await socket.ask();
    if (ms !== undefined) return ms;
  }
  return undefined;
}

/** Handshakes one after the other, from one socket: one flow, as a client has it. */
async function longestGap(socket: HandshakeSocket | undefined, during: () => Promise<void>): Promise<number> {
  if (socket === undefined) throw new UserError("there is no address to ask");
  let over = false;
  let longest = 0;
  let last = performance.now();
  const asking = (async () => {
    while (!over) {
      if ((await socket.ask()) !== undefined) {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }
      await pause(PACE_MS);
    }
  })();
  try {
    await during();
  } finally {
    over = true;
    await asking;
  }
  return Math.max(longest, performance.now() - last);
}
