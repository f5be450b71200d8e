// The life of one server, with the real bundle and a real WireGuard interface. Runs inside its own namespaces.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { parseDump } from "../../../wireguard/dump";
import { generateKeyPair, generatePresharedKey } from "../../../wireguard/keys";
import { LocalWriter } from "../../registry/local-writer";
import { bootServer, bundle, config, env, isStatus, PORT, peers, registry } from "./server";
import { children, health, metric, type RunningAgent, startAgent, step, tool, until } from "./support";

const mode = async (path: string) => ((await fs.stat(path)).mode & 0o777).toString(8);

async function boot(): Promise<string> {
  const publicKey = await bootServer();
  assert.equal(
    (await tool(process.execPath, bundle, "init")).trim(),
    publicKey,
    "init again finds the same key",
  );
  assert.equal(await fs.readFile(`${registry}/server/public.key`, "utf8"), `${publicKey}\n`);
  assert.equal(await mode(`${registry}/server/private.key`), "600");
  assert.equal(await mode(`${config.statePath}/server.key`), "600");
  assert.equal(await mode(`${config.statePath}/probe.key`), "600");
  const look = async () => [
    await tool("ip", "-json", "link", "show"),
    // IPv4 only: a link's own IPv6 address is "tentative" for a moment after it was made.
    await tool("nsenter", "--net=/run/netns/wgc-probe", "ip", "-4", "-json", "address", "show"),
    await tool("nsenter", "--net=/run/netns/wgc-probe", "ip", "-json", "link", "show"),
    await tool("nsenter", "--net=/run/netns/wgc-probe", "wg", "show", "wgprobe", "peers"),
  ];
  const before = await look();
  await tool(process.execPath, bundle, "network-up");
  assert.deepEqual(await look(), before, "network-up again keeps the interface and the probe");
  const dump = parseDump(await tool("wg", "show", "wg0", "dump"));
  assert.deepEqual(dump.interface, { publicKey, listenPort: 51820, fwmark: undefined });
  const link = await tool("ip", "address", "show", "dev", "wg0");
  assert.match(link, /mtu 1420/);
  assert.match(link, /inet 10\.100\.0\.1\/16/);
  assert.equal(await fs.readFile("/proc/sys/net/netfilter/nf_conntrack_events", "utf8"), "1\n");
  step("boot");
  return publicKey;
}

async function main(): Promise<void> {
  const publicKey = await boot();
  const started = performance.now();
  let agent = startAgent(bundle, env);
  await until("healthz 200", async () => (await health(PORT)).status === 200);
  step("healthy", { ms: Math.round(performance.now() - started) });

  const writer = new LocalWriter(registry);
  const [alice, bob, carol] = [generateKeyPair(), generateKeyPair(), generateKeyPair()];
  const presharedKey = generatePresharedKey();
  const added = await writer.add({ name: "alice", publicKey: alice.publicKey, presharedKey });
  await until("alice in the interface", async () => (await peers()).has(alice.publicKey));
  const peer = (await peers()).get(alice.publicKey);
  assert.deepEqual(peer?.allowedIps, added.addresses);
  assert.equal(peer?.presharedKey, presharedKey);
  const record = await until("the node record", async () => {
    const file = JSON.parse(await fs.readFile(`${config.runtimePath}/nodes/i-test.json`, "utf8"));
    return file.revision === 1 && file;
  });
  assert.deepEqual(
    { ...record, time: "" },
    {
      ...{ schema: 1, instance: "i-test", revision: 1, peers: 1, healthy: true },
      ...{ version: "1.2.3-test", time: "", serverKey: publicKey },
    },
  );
  step("added");

  await writer.add({ name: "bob", publicKey: bob.publicKey });
  await until("bob in the interface", async () => (await peers()).has(bob.publicKey));
  await writer.revoke("alice");
  await until("alice gone", async () => !(await peers()).has(alice.publicKey));
  assert.deepEqual([...(await peers()).keys()], [bob.publicKey]);
  step("revoked");

  await writer.add({
    name: "short",
    publicKey: carol.publicKey,
    expiresAt: new Date(Date.now() + 1500).toISOString(),
  });
  await until(
    "the short-lived client in the interface",
    async () => (await peers()).has(carol.publicKey),
    1400,
  );
  await until(
    "the short-lived client gone by itself",
    async () => !(await peers()).has(carol.publicKey),
    4000,
  );
  step("expired");

  await tool("wg", "set", "wg0", "peer", bob.publicKey, "remove");
  await until("drift mended", async () => (await peers()).has(bob.publicKey));
  step("drift mended");

  await corruptClient(writer, bob.publicKey);
  await hungStorage(agent.process.pid ?? 0, writer);

  agent.process.kill("SIGKILL");
  await agent.exited;
  await until(
    "the worker gone with its parent",
    async () => (await children(1, "storage-worker")).length === 0,
  );
  await fs.rename(registry, `${registry}.away`);
  await tool("wg", "set", "wg0", "peer", bob.publicKey, "remove"); // as after a reboot: an empty interface
  agent = startAgent(bundle, env);
  await until("bob served from the local copy", async () => (await peers()).has(bob.publicKey));
  await isStatus("degraded");
  const degraded = await health(PORT);
  assert.equal(degraded.status, 200);
  assert.match(degraded.body.reasons.join(), /registry: .*cluster\.json: does not exist/);
  assert.equal(await mode(`${config.statePath}/clients.json`), "600");
  step("served without the registry");
  await fs.mkdir(registry); // an empty mount point: a folder, but no registry
  await new Promise((resolve) => setTimeout(resolve, 1200));
  assert.equal((await peers()).has(bob.publicKey), true, "an empty mount point takes no client away");
  await fs.rmdir(registry);
  await fs.rename(`${registry}.away`, registry);
  await isStatus("ok");
  step("registry back");

  agent = await restart(agent, bob.publicKey);

  agent.process.kill("SIGTERM");
  await until("503 while draining", async () => (await health(PORT)).status === 503, 1000);
  const draining = await health(PORT);
  assert.equal(draining.body.status, "draining");
  assert.deepEqual(draining.body.reasons, ["draining: SIGTERM"]);
  assert.equal(await agent.exited, 0);
  assert.equal((await peers()).has(bob.publicKey), true, "the interface goes on without the agent");
  step("drained");

  const secrets = [presharedKey, (await fs.readFile(`${config.statePath}/server.key`, "utf8")).trim()];
  assert.equal(
    secrets.some((secret) => agent.output().includes(secret)),
    false,
  );
  assert.equal(
    agent
      .output()
      .split("\n")
      .filter((line) => line !== "")
      .every((line) => JSON.parse(line).level !== undefined),
    true,
  );
  step("no secret in the log");
}

/** A file that a foreign tool cut off: the client stays as it was, the others go on, and health says which file it is. */
async function corruptClient(writer: LocalWriter, publicKey: string): Promise<void> {
  const path = `${registry}/clients/bob.json`;
  const good = await fs.readFile(path, "utf8");
  await fs.writeFile(path, good.slice(0, 40));
  const dave = generateKeyPair();
  await assert.rejects(writer.revoke("bob"), /bob\.json: is not JSON/);
  // A change of bob that nobody can read, as a foreign tool would announce it, and a good one beside it.
  const feed = JSON.parse(await fs.readFile(`${registry}/changes.json`, "utf8"));
  feed.revision += 1;
  feed.changes.push({ revision: feed.revision, name: "bob" });
  await fs.writeFile(`${registry}/changes.json.new`, JSON.stringify(feed));
  await fs.rename(`${registry}/changes.json.new`, `${registry}/changes.json`);
  await isStatus("degraded");
  const { status, body } = await health(PORT);
  assert.equal(status, 200);
  assert.match(body.reasons.join(), /clients\/bob\.json: is not JSON \(40 characters, perhaps cut off\)/);
  assert.equal((await peers()).has(publicKey), true, "the last good state stays");
  await new LocalWriter(registry).revoke("short"); // another client's change still gets through
  await until(
    "the other change applied",
    async () => (await health(PORT)).body.revision === feed.revision + 1,
  );
  assert.equal((await peers()).has(dave.publicKey), false);
  await fs.writeFile(path, good);
  await writer.restore("bob");
  await isStatus("ok");
  step("corrupt client file");
}

/** `systemctl restart wgc-agent`: no drain, the interface stays, and the next agent is in service at once. */
async function restart(agent: RunningAgent, publicKey: string): Promise<RunningAgent> {
  const before = await tool("ip", "-json", "link", "show", "wg0");
  const started = performance.now();
  agent.process.kill("SIGHUP");
  assert.equal(await agent.exited, 0);
  const ms = performance.now() - started;
  assert.ok(ms < config.drainSeconds * 500, `a restart takes no drain (it took ${ms} ms)`);
  assert.equal(await tool("ip", "-json", "link", "show", "wg0"), before, "the interface is left alone");
  assert.equal((await peers()).has(publicKey), true);
  assert.doesNotMatch(agent.output(), /draining/);
  await until(
    "the worker gone with its parent",
    async () => (await children(1, "storage-worker")).length === 0,
  );
  const next = startAgent(bundle, env);
  await isStatus("ok");
  step("restarted without a drain");
  return next;
}

async function hungStorage(agentPid: number, writer: LocalWriter): Promise<void> {
  const [worker] = await children(agentPid, "storage-worker");
  assert.notEqual(worker, undefined);
  process.kill(worker ?? 0, "SIGSTOP");
  const asked: number[] = [];
  await until("the hang is reported", async () => {
    const before = performance.now();
    assert.equal((await health(PORT)).status, 200);
    asked.push(performance.now() - before);
    return (await metric(PORT, "wgc_storage_up")) === 0;
  });
  assert.equal((await health(PORT)).body.healthy, true);
  const slowest = Math.max(...asked);
  assert.ok(slowest < 500, `health answers at once while the storage hangs (slowest ${slowest} ms)`);
  const erin = generateKeyPair();
  await writer.add({ name: "erin", publicKey: erin.publicKey });
  await until("changes arrive again", async () => (await peers()).has(erin.publicKey));
  assert.equal(await metric(PORT, "wgc_storage_up"), 1);
  assert.equal(await metric(PORT, "wgc_storage_restarts_total"), 1);
  assert.equal((await children(agentPid, "storage-worker")).length, 1);
  step("hung storage");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
