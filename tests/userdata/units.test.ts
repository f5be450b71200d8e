import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HEALTH_CHECK } from "../../components/endpoint";
import { renderAgentUnit, renderNetworkUnit, renderRekeyUnits } from "../../userdata/units";
import { runTool, SYSTEMD_ANALYZE, testWith } from "../support/tool";

const agent = renderAgentUnit({ drainSeconds: 20 });
const network = renderNetworkUnit();
const rekey = renderRekeyUnits();

/** All values of a key, in order. */
function values(unit: string, key: string): string[] {
  return unit.split("\n").flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
}

/** A folder with both units. The programs that they start exist on servers only, so `verify` gets one that exists everywhere. */
function unitFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "wgc-units-"));
  const runnable = (unit: string) => unit.replaceAll(/^ExecStart=\S+/gm, "ExecStart=/bin/true");
  writeFileSync(join(folder, "wgc-agent.service"), runnable(agent));
  writeFileSync(join(folder, "wgc-network.service"), runnable(network));
  writeFileSync(join(folder, "wgc-rekey.service"), runnable(rekey.service));
  writeFileSync(join(folder, "wgc-rekey.path"), rekey.path);
  return folder;
}

test("the network unit loads the firewall, then brings the interface up, and never takes them down", () => {
  expect(values(network, "ExecStart")).toEqual([
    "/usr/sbin/nft -f /etc/wgc/nftables.nft",
    "/opt/wgc/bin/node /opt/wgc/agent.js network-up",
  ]);
  expect(values(network, "Type")).toEqual(["oneshot"]);
  expect(values(network, "RemainAfterExit")).toEqual(["yes"]);
  expect(network).not.toMatch(/ExecStop|PartOf|BindsTo/);
});

test("a reboot brings firewall, tunnel and agent back, after the network and the shares, or without the shares", () => {
  for (const unit of [network, agent, rekey.path])
    expect(values(unit, "WantedBy")).toEqual(["multi-user.target"]);
  expect(values(network, "Wants")).toEqual(["network-online.target"]);
  expect(values(network, "After")).toEqual(["network-online.target remote-fs.target"]);
  // Mounts are `nofail`: what requires them would stay away while the file system does.
  expect(network).not.toMatch(/^Requires/m);
});

test("a replaced server key brings the network up again, each time", () => {
  expect(values(rekey.path, "PathChanged")).toEqual(["/var/lib/wgc/server.key"]);
  expect(values(rekey.service, "ExecStart")).toEqual(["/opt/wgc/bin/node /opt/wgc/agent.js network-up"]);
  // Not beside the network unit at boot: both bring the same interfaces up.
  expect(values(rekey.service, "After")).toEqual(["wgc-network.service"]);
  // One that remains would not be started a second time.
  expect(values(rekey.service, "RemainAfterExit")).toEqual([]);
});

test("without the network unit, hence without the firewall, the agent does not start", () => {
  expect(values(agent, "Requires")).toEqual(["wgc-network.service"]);
  // Requires= alone would start both at once.
  expect(values(agent, "After")).toEqual(["wgc-network.service"]);
  expect(values(agent, "Wants")).toEqual([]);
});

test("a restart of the agent touches nothing else and does not drain; a stop has longer than the drain", () => {
  expect(values(agent, "ExecStart")).toEqual(["/opt/wgc/bin/node /opt/wgc/agent.js run"]);
  expect(values(agent, "Restart")).toEqual(["always"]);
  // Sooner than the load balancer takes a server for dead; and however often: systemd's own limit would leave a server without an agent after five failures in ten seconds.
  expect(Number(values(agent, "RestartSec")[0])).toBeLessThan(HEALTH_CHECK.interval);
  expect(values(agent, "StartLimitIntervalSec")).toEqual(["0"]);
  expect(values(agent, "KillMode")).toEqual(["mixed"]);
  expect(values(agent, "RestartKillSignal")).toEqual(["SIGHUP"]);
  expect(values(agent, "KillSignal")).toEqual([]);
  expect(values(agent, "TimeoutStopSec")).toEqual(["40"]);
  expect(values(renderAgentUnit({ drainSeconds: 60 }), "TimeoutStopSec")).toEqual(["80"]);
  // The network unit does not follow the agent: its restart leaves wg0 alone.
  expect(network).not.toMatch(/^(Requires|Wants|BindsTo|PartOf)=.*wgc-agent/m);
});

test("the agent may change the network and write two folders, and nothing more", () => {
  expect(values(agent, "CapabilityBoundingSet")).toEqual(["CAP_NET_ADMIN"]);
  expect(values(agent, "ReadWritePaths")).toEqual(["/var/lib/wgc -/mnt/wgc/runtime"]);
  expect(values(agent, "ProtectSystem")).toEqual(["strict"]);
  expect(values(agent, "NoNewPrivileges")).toEqual(["yes"]);
  // The server's private key lies there.
  expect([values(agent, "StateDirectory"), values(agent, "StateDirectoryMode")]).toEqual([["wgc"], ["0700"]]);
  for (const unit of [agent, network, rekey.service]) expect(values(unit, "UMask")).toEqual(["0077"]);
  expect(values(agent, "RestrictAddressFamilies")).toEqual(["AF_UNIX AF_INET AF_INET6 AF_NETLINK"]);
  expect(values(agent, "SystemCallFilter")).toEqual(["@system-service", "~@privileged"]);
});

testWith(SYSTEMD_ANALYZE, "systemd finds nothing wrong with the units", () => {
  const folder = unitFolder();
  const names = ["wgc-agent.service", "wgc-network.service", "wgc-rekey.path", "wgc-rekey.service"];
  const paths = names.map((name) => join(folder, name));
  const result = runTool("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...paths]);
  expect(result).toEqual({ code: 0, text: "" });
});

testWith(SYSTEMD_ANALYZE, "systemd rates the agent's exposure 2.5 of 10 or less", () => {
  const path = join(unitFolder(), "wgc-agent.service");
  const result = runTool("systemd-analyze", [
    "security",
    "--offline=true",
    "--threshold=25",
    "--no-pager",
    path,
  ]);
  expect(result.text).toMatch(/Overall exposure level for wgc-agent\.service: [0-2]\.\d/);
  expect(result.code).toBe(0);
});
