// Breaks a serving server in every way that health must see, and mends it again. Runs inside its own namespaces.
import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { generateKeyPair } from "../../../wireguard/keys";
import { LocalWriter } from "../../registry/local-writer";
import { clientCannotReachTheProbe } from "./probe-client";
import {
  bootServer,
  bundle,
  config,
  env,
  FIREWALL,
  FORWARDING,
  isStatus,
  PORT,
  registry,
  root,
} from "./server";
import { health, metric, type RunningAgent, startAgent, step, tool, until } from "./support";

const TOOLS = `${root}/bin`;

/** Breaks the server, waits until health says why, mends it and waits until it is back in service. */
async function fault(
  name: string,
  reason: RegExp,
  breakIt: () => Promise<unknown>,
  mendIt: () => Promise<unknown>,
) {
  const began = performance.now();
  await breakIt();
  await until(`${name}: out of service`, async () => (await health(PORT)).status === 503);
  const ms = Math.round(performance.now() - began);
  const reasons = await until(`${name}: the reason`, async () => {
    const { status, body } = await health(PORT);
    assert.equal(status, 503);
    assert.equal(body.status, "unhealthy");
    return body.reasons.some((text) => reason.test(text)) && body.reasons;
  });
  const mending = performance.now();
  await mendIt();
  await isStatus("ok");
  step(name, { ms, backMs: Math.round(performance.now() - mending), reasons });
}

const wg0 = (state: string) => () => tool("ip", "link", "set", "wg0", state);
const firewall = () => tool("nft", "-f", FIREWALL);

async function localFaults(): Promise<void> {
  await fault(
    "forwarding off",
    /^IPv4 forwarding is off/,
    () => fs.writeFile(FORWARDING, "0"),
    () => fs.writeFile(FORWARDING, "1"),
  );
  const gone = /^the firewall is not loaded .*; run `systemctl restart wgc-network`$/;
  await fault("firewall gone", gone, () => tool("nft", "flush", "ruleset"), firewall);
  const lost = /^a packet through tunnel, firewall and masquerade does not come back/;
  await fault(
    "masquerade gone",
    lost,
    () => tool("nft", "flush", "chain", "inet", "wgc", "postrouting"),
    firewall,
  );
  await fault(
    "forward rules gone",
    lost,
    () => tool("nft", "flush", "chain", "inet", "wgc", "forward"),
    firewall,
  );
  await fault(
    "interface down",
    /^the WireGuard interface is down or has no address$/,
    wg0("down"),
    wg0("up"),
  );
  const other = `${root}/other.key`;
  await fs.writeFile(other, `${generateKeyPair().privateKey}\n`, { mode: 0o600 });
  const key = (path: string) => () => tool("wg", "set", "wg0", "private-key", path);
  await fault(
    "wrong key",
    /has the public key \S+, expected/,
    key(other),
    key(`${config.statePath}/server.key`),
  );
}

/** The agent's `wg` stops to answer; the interface goes on. */
async function hangingTool(): Promise<void> {
  const script = "#!/bin/sh\nexec sleep 1000\n";
  await fault(
    "wg hangs",
    /^wg hangs: no answer for/,
    () => fs.writeFile(`${TOOLS}/wg`, script, { mode: 0o755 }),
    () => fs.rm(`${TOOLS}/wg`),
  );
}

/** A stopped agent answers no health check; when it goes on, the time it did not see is no fault. */
async function stuckAgent(agent: RunningAgent): Promise<void> {
  agent.process.kill("SIGSTOP");
  await assert.rejects(health(PORT), "nobody answers");
  await new Promise((resolve) => setTimeout(resolve, 3000)); // the time that passes is the fault
  agent.process.kill("SIGCONT");
  const until = performance.now() + 2500;
  while (performance.now() < until) {
    const { status, body } = await health(PORT);
    assert.equal(status, 200, body.reasons.join());
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  step("agent stopped and continued");
}

/** What every server would get from the registry takes none out of service: `wg` refuses a change, everything else works. */
async function badRevision(writer: LocalWriter): Promise<void> {
  const refuse = `#!/bin/sh\n[ "$1" != addconf ] || { echo refused >&2; exit 1; }\nexec /usr/bin/wg "$@"\n`;
  await fs.writeFile(`${TOOLS}/wg`, refuse, { mode: 0o755 });
  await writer.add({ name: "odd", publicKey: generateKeyPair().publicKey });
  await isStatus("degraded");
  const { status, body } = await health(PORT);
  assert.equal(status, 200);
  assert.match(body.reasons.join(), /^the last change of clients cannot be applied: .*refused/);
  assert.equal(await metric(PORT, "wgc_healthy"), 1);
  await fs.rm(`${TOOLS}/wg`);
  await writer.revoke("odd");
  await isStatus("ok");
  step("bad revision");
}

/** The server forgets the probe's session: it starts a new one by itself, long before the probe would (after 15 s). */
async function sessionLost(): Promise<void> {
  const probe = (await fs.readFile(`${config.statePath}/probe.pub`, "utf8")).trim();
  const [endpoint = ""] = (await tool("wg", "show", "wg0", "endpoints"))
    .split("\n")
    .flatMap((line) => (line.startsWith(probe) ? (line.split("\t")[1] ?? []) : []));
  const lost = (await metric(PORT, "wgc_probe_lost_total")) ?? 0;
  await tool("wg", "set", "wg0", "peer", probe, "remove");
  await tool("wg", "set", "wg0", "peer", probe, "endpoint", endpoint, "allowed-ips", "10.100.255.254/32");
  await until("a lost packet", async () => ((await metric(PORT, "wgc_probe_lost_total")) ?? 0) > lost);
  await until("packets again", async () => (await metric(PORT, "wgc_probe_up")) === 1, 8000);
  await isStatus("ok");
  step("session lost");
}

/** The network unit runs again beside the serving agent: neither the tunnel's sessions nor the probe's packets notice. */
async function networkUpAgain(): Promise<void> {
  const handshakes = () => tool("wg", "show", "wg0", "latest-handshakes");
  const [before, lost] = [await handshakes(), await metric(PORT, "wgc_probe_lost_total")];
  await firewall();
  await tool(process.execPath, bundle, "network-up");
  assert.equal(await handshakes(), before);
  const rounds = await metric(PORT, "wgc_probe_round_trip_seconds");
  await until("more packets", async () => (await metric(PORT, "wgc_probe_round_trip_seconds")) !== rounds);
  assert.equal(await metric(PORT, "wgc_probe_lost_total"), lost);
  step("network-up again");
}

async function main(): Promise<void> {
  const publicKey = await bootServer();
  await fs.mkdir(TOOLS);
  const path = { PATH: `${TOOLS}:${process.env["PATH"]}` };
  const writer = new LocalWriter(registry);
  const agent = startAgent(bundle, { ...env, ...path });
  await isStatus("ok");
  const { body } = await health(PORT);
  assert.deepEqual([body.peers, body.key, body.drain], [0, publicKey.slice(0, 8), null]);
  assert.equal(typeof body.revisionAgeSeconds, "number");
  assert.equal(body.sessions.live, 0);
  assert.equal(await metric(PORT, "wgc_peers"), 0);
  assert.equal(await metric(PORT, "wgc_peers_online"), 0);
  assert.equal(await metric(PORT, "wgc_probe_up"), 1);
  step("healthy");
  await networkUpAgain();
  await sessionLost();
  await localFaults();
  await hangingTool();
  await stuckAgent(agent);
  await badRevision(writer);
  const { next, client } = await clientCannotReachTheProbe(writer, publicKey, agent, () =>
    startAgent(bundle, { ...env, ...path }),
  );
  next.process.kill("SIGTERM");
  await next.exited;
  const probe = (await fs.readFile(`${config.statePath}/probe.pub`, "utf8")).trim();
  const logs = await fs.readdir(`${config.runtimePath}/sessions`).catch(() => []);
  const records = await Promise.all(
    logs.map((file) => fs.readFile(`${config.runtimePath}/sessions/${file}`, "utf8")),
  );
  assert.match(records.join(), new RegExp(client.replaceAll("+", "\\+")), "sessions of clients are recorded");
  assert.equal(records.join().includes(probe), false, "the probe's is not");
  step("the probe is in no record");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
