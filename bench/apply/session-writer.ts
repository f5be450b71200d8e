/**
 * Plays the other servers of a busy cluster: `session-writer HELD PER_SECOND SECONDS` writes logs with so many sessions, prints `held`,
 * and then appends handshakes as those servers would, until the time is up. Run in the lab's own namespaces.
 */
import { setTimeout as pause } from "node:timers/promises";
import { readAllClients } from "../../registry/reader";
import { appendSessions, rewriteSessions, sessionLogPath } from "../../registry/sessions";
import { sessionNow } from "../session-now";
import { registryFolder, runtimeFolder } from "./registry-filler";

const SERVERS = 10;
/** Servers write what they have about so often. */
const TICK_MS = 100;

async function main(held: number, perSecond: number, seconds: number): Promise<void> {
  const keys = (await readAllClients(registryFolder())).slice(0, held).map(({ publicKey }) => publicKey);
  const logs = Array.from({ length: SERVERS }, (_, n) => sessionLogPath(runtimeFolder(), `i-other${n}`));
  const shareOf = (server: number): string[] => keys.filter((_, index) => index % SERVERS === server);
  const shares = logs.map((_, server) => shareOf(server));
  await Promise.all(
    logs.map((log, server) =>
      rewriteSessions(
        log,
        (shares[server] ?? []).map((key) => sessionNow(key)),
      ),
    ),
  );
  process.stdout.write("held\n");
  const began = performance.now();
  const count = Math.round((perSecond * TICK_MS) / 1000 / SERVERS);
  for (let tick = 1; performance.now() - began < seconds * 1000; tick += 1) {
    await Promise.all(
      logs.map((log, server) => {
        const share = shares[server] ?? [];
        const some = Array.from({ length: count }, (_, n) => share[(tick * count + n) % share.length] ?? "");
        return appendSessions(log, some.map(sessionNow));
      }),
    );
    await pause(Math.max(0, tick * TICK_MS - (performance.now() - began)));
  }
}

void main(...(process.argv.slice(2).map(Number) as [number, number, number]));
