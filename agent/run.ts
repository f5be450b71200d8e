import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors";
import { Agent } from "./agent";
import { RoleCredentials } from "./aws/credentials";
import { AUTO_SCALING, AwsQuery, EC2 } from "./aws/query";
import { systemClock } from "./clock";
import type { AgentConfig } from "./config";
import { wgDevice } from "./device";
import { OperatorDrain } from "./drain-command";
import { DrainNotices } from "./drain-notices";
import { exec } from "./exec";
import { instanceId } from "./identity";
import { Imds } from "./imds";
import { LifecycleCalls } from "./lifecycle/calls";
import { SettledTarget } from "./lifecycle/settled";
import { LocalCopy } from "./local-copy";
import { createLog, type Log, messageOf } from "./log";
import type { ClusterOptions } from "./mesh/cluster-link";
import { UdpMeshLine } from "./mesh/line";
import { publishMetrics } from "./monitoring/start";
import { findPlace } from "./place";
import { UdpProbeLine } from "./probe";
import { StorageClient } from "./storage-client";
import { touchSocket } from "./takeover/touch";
import { VERSION } from "./version";

/** The way to the other servers, once this server's place among them is known; until then it is one that stands alone. */
async function clusterOptions(config: AgentConfig, imds: Imds, log: Log): Promise<ClusterOptions> {
  const place = await findPlace(imds, systemClock, log);
  const credentials = new RoleCredentials(imds, systemClock);
  const ec2 = new AwsQuery({ service: EC2, region: config.region, credentials });
  return {
    place,
    line: new UdpMeshLine(config.mesh.port, systemClock, log),
    ec2: (action, parameters) => ec2.call(action, parameters),
  };
}

/** A restart waits so long for what is still being written; a disk that hangs must not turn it into an outage. */
const RESTART_LIMIT_MS = 2000;

/**
 * Runs the daemon until it is told to go.
 *
 * SIGTERM and SIGINT: the server goes (stop, shutdown), so the agent drains first; a second one ends the drain. SIGHUP: only the
 * agent goes, and comes back at once (an update), so it ends with exit code 0 without a drain and health never says that it
 * leaves: the load balancer moves no flow. The unit tells the two apart with `RestartKillSignal=SIGHUP` (systemd.kill(5)).
 * Whichever it is, wg0 is left alone. Other reasons to drain (see {@link DrainNotices}) leave the process running.
 */
export async function run(config: AgentConfig): Promise<void> {
  const imds = new Imds();
  const instance = await instanceId(process.env, imds);
  const log = createLog(1, { instance, cluster: config.cluster, version: VERSION });
  process.on("uncaughtException", (error) => {
    log.fatal(
      { problem: messageOf(error), stack: error.stack },
      "the agent failed; the service manager starts it again",
    );
    process.exit(1);
  });
  const local = new LocalCopy(config.statePath);
  const publicKey = await local.publicKey();
  if (publicKey === undefined) {
    throw new UserError(`${local.keyPath} does not exist; run \`init\` first (boot does it)`);
  }
  const probeKey = await local.probePublicKey();
  if (probeKey === undefined) {
    throw new UserError(
      `${local.probePublicKeyPath} does not exist; run \`network-up\` first (wgc-network does it)`,
    );
  }
  const agent = new Agent({
    config,
    instance,
    version: VERSION,
    publicKey,
    clock: systemClock,
    log,
    storage: new StorageClient({ clock: systemClock, log }),
    device: wgDevice(config.interface, exec),
    exec,
    local,
    probeKey,
    probeLine: new UdpProbeLine(config.tunnelIpv4),
    touch: touchSocket(),
    lifecycle: lifecycleOf(config, instance, imds),
  });
  if (config.takeover) void clusterOptions(config, imds, log).then((options) => agent.join(options));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => agent.leave(signal));
  const restart = new Promise<"restart">((resolve) => process.on("SIGHUP", () => resolve("restart")));
  const operator = new OperatorDrain(config.statePath);
  const tell = agent.setDrain.bind(agent);
  const onTarget = agent.setTarget.bind(agent);
  const notices = new DrainNotices({ imds, operator, clock: systemClock, log, tell, onTarget });
  await notices.start();
  await agent.start();
  const stopPublishing = publishMetrics({ config, imds, clock: systemClock, log, metrics: agent.metrics });
  const why = await Promise.race([agent.drained, restart]);
  notices.stop();
  stopPublishing();
  if (why === "restart") {
    await Promise.race([agent.stop(), sleep(RESTART_LIMIT_MS)]);
    log.info("the agent leaves for a restart; the WireGuard interface is left as it is");
    return;
  }
  await agent.stop();
  log.info("the agent has stopped; the WireGuard interface is left as it is");
}

/** How this instance speaks with its Auto Scaling group, if it has one. */
function lifecycleOf({ lifecycle, region, statePath }: AgentConfig, instance: string, imds: Imds) {
  if (lifecycle === undefined) return undefined;
  const credentials = new RoleCredentials(imds, systemClock);
  const query = new AwsQuery({ service: AUTO_SCALING, region, credentials });
  return {
    calls: new LifecycleCalls(query, lifecycle, instance),
    settled: new SettledTarget(statePath, instance),
    heartbeatSeconds: lifecycle.heartbeatSeconds,
  };
}
