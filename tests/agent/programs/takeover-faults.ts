// What happens around a takeover: agents and servers that are started again, storage that fails, servers that compete, are
// cut off, or whose clocks are wrong.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { appendSessions, sessionLogPath } from "../../../registry/sessions";
import { runAgent, step, tool, until } from "./support";
import {
  a,
  b,
  bundle,
  c,
  connected,
  finished,
  forgotten,
  fresh,
  moves,
  present,
  skewed,
} from "./takeover-cluster";
import { REGISTRY, RUNTIME, recorded, route, TestClient, TestServer, traffic } from "./takeover-net";

export async function agents(): Promise<void> {
  const gina = await connected("gina", a);
  await a.killAgent();
  const old = await a.indices(gina);
  await gina.reconnect();
  await gina.answer("while the agent is away");
  const before = await a.peer(gina);
  const packets = await traffic(async () => {
    await a.startAgent();
    await recorded(a, gina, old);
    await gina.answer("with the new agent");
  });
  assert.deepEqual(
    Object.keys(packets).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  const { latestHandshake, endpoint } = (await a.peer(gina)) ?? {};
  assert.deepEqual(
    { latestHandshake, endpoint },
    { latestHandshake: before?.latestHandshake, endpoint: before?.endpoint },
  );
  await moves(gina, a, b);
  step("agent restarted: sessions untouched, the handshakes of the gap are recorded");

  await finished(b, gina);
  await b.killAgent();
  await moves(gina, b, c);
  assert.equal(await b.holds(gina), true);
  await b.startAgent();
  await forgotten(b, gina);
  const after = await traffic(() => gina.answer("after the agent that lost it is back"));
  assert.deepEqual(
    Object.keys(after).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  step("agent restarted: a session that went away meanwhile is let go");

  const index = (await c.indices(gina)).at(-1) ?? 0;
  const swapped = Buffer.alloc(4);
  swapped.writeUInt32LE(index);
  const own = `0x${swapped.readUInt32BE().toString(16)}`;
  await c.run("nft", "flush", "ruleset");
  await c.run("nft", "add", "table", "inet", "wgc");
  const quiet = await traffic(() =>
    until(
      "the index known again",
      async () => {
        assert.equal(await gina.ping(), true, "the session is not disturbed");
        return (await c.run("nft", "list", "set", "inet", "wgc_sessions", "own").catch(() => "")).includes(
          own,
        );
      },
      20_000,
    ),
  );
  assert.deepEqual(
    Object.keys(quiet).filter((kind) => /initiation|answer/.test(kind)),
    [],
  );
  step("the agent's table flushed");

  const henry = await connected("henry", a);
  await a.reboot();
  assert.equal(await a.holds(henry), false);
  const back = await traffic(() => henry.answer("after its server was started again"));
  assert.equal(back["to_initiation"], undefined);
  assert.ok((back["from_a_initiation"] ?? 0) > 0);
  step("a server that was started again takes its clients back");
}

/** What one server cannot know, it does not act on; everything else goes on, and is made up for afterwards. */
export async function storage(): Promise<void> {
  const ivy = await connected("ivy", b);
  const ways: [string, () => Promise<() => Promise<unknown>>][] = [
    ["unreadable", unreadable],
    ["hangs", hang],
  ];
  for (const [name, begin] of ways) {
    const troubles = () => (b.agent?.output() ?? "").split("session directory cannot be used").length;
    const before = troubles();
    const end = await begin();
    await until("the trouble is seen", async () => troubles() > before);
    const guest = new TestClient(`guest${fresh()}`, fresh());
    present.push(guest);
    await guest.join(4);
    await until("known to a", async () => a.peer(guest), 30_000);
    await route(guest, a);
    await guest.answer("at a");
    await route(guest, b);
    const packets = await traffic(async () => {
      for (let i = 0; i < 4; i++) await guest.ping();
    });
    assert.equal(packets["from_b_initiation"], undefined, "b knows nothing of that session");
    assert.equal(await ivy.ping(), true);
    assert.match(await b.health(), /"applied":\{"ok":true\}/);
    await until("known to b", async () => b.peer(guest), 30_000);
    await guest.reconnect();
    await guest.answer("at b, by its own handshake");
    await end();
    await until(
      "b recorded it",
      async () => (await fs.readFile(`${RUNTIME}/sessions/i-b.log`, "utf8")).includes(guest.publicKey),
      30_000,
    );
    await until("a knows", async () => !(await a.holds(guest)), 30_000);
    await moves(guest, b, a);
    step(`storage ${name}`);
  }
}

async function unreadable(): Promise<() => Promise<unknown>> {
  await fs.rename(`${RUNTIME}/sessions`, `${RUNTIME}/away`);
  await fs.writeFile(`${RUNTIME}/sessions`, "");
  return async () => {
    await fs.rm(`${RUNTIME}/sessions`);
    await fs.rename(`${RUNTIME}/away`, `${RUNTIME}/sessions`);
  };
}

/** When b reads the logs it hangs, as behind a file server that does not answer: one is a pipe that nobody writes to (fifo(7)). */
async function hang(): Promise<() => Promise<unknown>> {
  const [log, pipe] = [`${RUNTIME}/sessions/i-away.log`, `${RUNTIME}/pipe`];
  await fs.writeFile(log, "");
  await tool("mkfifo", pipe);
  await b.run("mount", "--bind", pipe, log); // a folder's listing goes on to call it a file
  return async () => {
    await b.run("umount", "--lazy", log);
    await fs.rm(pipe);
    await fs.rm(log);
  };
}

export async function several(): Promise<void> {
  const jill = await connected("jill", a);
  const sending = jill.run("ping", "-c30", "-i0.1", "-W1", "-q", "10.100.0.1").catch(() => "");
  for (const server of [b, c, b, c, b, c]) await route(jill, server);
  await sending;
  await jill.answer("after two servers wanted it");
  // Which one is open: a packet that b sends before it knows that it lost comes from its own address, and a client without a
  // strict NAT may follow it there, past the balancer.
  const holders = await until("one of them holds it", async () => {
    const holds = await Promise.all([a, b, c].map((server) => server.holds(jill)));
    assert.equal(holds.filter(Boolean).length, 1, holds.join());
    return holds;
  });
  assert.equal(holders[0], false, "not the server that nothing was sent to");
  assert.equal(await jill.ping(), true);
  step("two servers want one client", { holders });
}

export async function isolation(): Promise<void> {
  const kate = await connected("kate", c);
  c.uncheck();
  await forgotten(c, kate);
  const packets = await traffic(() => kate.answer("reached again"));
  assert.equal(packets["to_initiation"], undefined);
  assert.ok((packets["from_c_initiation"] ?? 0) > 0);
  c.check();
  step("a server that nothing reaches forgets its sessions");
}

/**
 * Servers share one key, so a client refuses a handshake that is not dated after the last one of any of them (whitepaper,
 * section 5.1). A server whose clock is behind that can call as it likes: it succeeds when its clock has passed it.
 */
export async function skew(): Promise<void> {
  const before = Date.now();
  const leo = await connected("leo", a);
  await moves(leo, a, b); // the last handshake is a server's own
  const wrong = new TestServer("wrong", fresh(), bundle);
  await wrong.connect();
  await route(leo, wrong);
  const times = [String(before - 2000), "+2000"];
  const [file, args] = wrong.inside(
    process.execPath,
    skewed,
    `${REGISTRY}/server/private.key`,
    leo.publicKey,
    ...times,
  );
  const server = runAgent(file, args, {});
  await until("the wrong server listens", async () => server.output().includes("listening"));
  await Promise.all([server.exited, leo.ping()]);
  const { refused, at, index } = JSON.parse(server.output().split("\n")[1] ?? "");
  assert.deepEqual(refused, [before - 2000], "2 s behind: the client does not answer");
  await appendSessions(sessionLogPath(RUNTIME, "i-wrong"), [{ publicKey: leo.publicKey, index, at }]);
  step("a server 2 s behind is refused, one 2 s ahead is not");

  const packets = await traffic(async () => {
    await route(leo, c);
    await leo.answer("at a server whose clock is behind its last handshake");
  });
  assert.ok(Date.now() > at, "not before the clock has passed it");
  assert.equal(packets["to_initiation"], undefined, "and still before the client's own timers");
  // b spoke to it each second until it read that record, and the client may have followed b to its own address.
  const calls = (packets["from_b_initiation"] ?? 0) + (packets["from_c_initiation"] ?? 0);
  assert.ok(calls > 1, "called again and again");
  assert.ok((await b.holds(leo)) || (await c.holds(leo)));
  step("2 s behind the last handshake: taken over once the clock has passed it", { after: Date.now() - at });
  await fs.rm(sessionLogPath(RUNTIME, "i-wrong"));
}
