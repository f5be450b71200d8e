import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors";
import { serverAddress } from "../wireguard/addresses";
import type { AgentConfig } from "./config";
import type { Exec } from "./exec";
import { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import { probeUp } from "./probe-network";
import { alignCurrent, nextDown, nextUp, publicKeyOf } from "./rotation/next-network";
import { overlayUp } from "./routed/overlay-network";
import type { StorageClient } from "./storage-client";
import { tellAllEntries } from "./takeover/entry-events";

const TOOL_LIMIT_MS = 10_000;
/** wireguard-go answers a few milliseconds after it is started. */
const DEVICE_LIMIT_MS = 5000;

/**
 * Brings the WireGuard interface up: creates it when it is missing, gives it key, port, address and MTU; then the probe.
 * Safe to repeat.
 *
 * INVARIANTS: an interface that already has the key is never re-created, so running this beside a serving agent costs no
 * session. It gets another key only where this server's own copy says that a rotation has replaced the one it has.
 */
export async function networkUp(
  config: AgentConfig,
  storage: StorageClient,
  exec: Exec,
  log: Log,
): Promise<void> {
  const name = config.interface;
  const local = new LocalCopy(config.statePath);
  const expected = await ownPublicKey(config, local, storage);
  const options = { timeoutMs: TOOL_LIMIT_MS };
  let current = await publicKeyOf(name, exec);
  if (current === undefined) {
    log.info({ interface: name, by: await createInterface(name, exec) }, "created the WireGuard interface");
    current = await waitForInterface(name, exec);
  }
  await alignCurrent(config, local, exec);
  // The file's name, not the key: arguments are visible to every user of the machine.
  if (current === "(none)") await exec("wg", ["set", name, "private-key", local.keyPath], options);
  await exec("wg", ["set", name, "listen-port", String(config.listenPort)], options);
  await exec("ip", ["address", "replace", serverAddress(config.tunnelIpv4), "dev", name], options);
  await exec("ip", ["link", "set", "dev", name, "mtu", String(config.mtu), "up"], options);
  log.info(
    { interface: name, publicKey: expected, listenPort: config.listenPort },
    "the WireGuard interface is up",
  );
  if ((await local.next()) === undefined) await nextDown(exec);
  else await nextUp(config, local, create, exec);
  await overlayUp(config, exec);
  if (config.takeover) {
    await tellAllEntries().catch((error: unknown) => {
      const problem = messageOf(error);
      log.warn({ problem }, "clients that come while the agent is started again may not be taken over");
    });
  }
  await probeUp(config, expected, create, exec);
  log.info("the probe is up");
}

/** From this server's own copy, so that a reboot works without the shared storage; from the registry when there is none. */
async function ownPublicKey(config: AgentConfig, local: LocalCopy, storage: StorageClient): Promise<string> {
  const known = await local.publicKey();
  if (known !== undefined) return known;
  try {
    const { keys, cluster, port } = await storage.request(
      "identity",
      { root: config.registryPath },
      { limitMs: 30_000 },
    );
    await local.saveIdentity(keys, cluster, port);
    return keys.publicKey;
  } catch (error) {
    throw new UserError(
      `the server key is neither in ${local.keyPath} nor in the registry (${messageOf(error)}); run \`init\` first`,
      {
        cause: error,
      },
    );
  }
}

/** Makes a WireGuard interface and waits until it answers. */
export async function create(tunnel: string, run: Exec): Promise<void> {
  await createInterface(tunnel, run);
  await waitForInterface(tunnel, run);
}

/** The kernel's WireGuard where it has one, else the user-space implementation; both speak the same `wg`. */
async function createInterface(name: string, exec: Exec): Promise<"kernel" | "wireguard-go"> {
  const options = { timeoutMs: TOOL_LIMIT_MS };
  try {
    await exec("ip", ["link", "add", "dev", name, "type", "wireguard"], options);
    return "kernel";
  } catch (kernelError) {
    try {
      await exec("wireguard-go", [name], options);
      return "wireguard-go";
    } catch (error) {
      throw new UserError(
        `cannot create the interface ${name}: the kernel says "${messageOf(kernelError)}" and wireguard-go says "${messageOf(error)}"; load the wireguard module or install wireguard-go, and check that /dev/net/tun exists`,
        { cause: error },
      );
    }
  }
}

async function waitForInterface(name: string, exec: Exec): Promise<string> {
  const deadline = performance.now() + DEVICE_LIMIT_MS;
  for (;;) {
    const key = await publicKeyOf(name, exec);
    if (key !== undefined) return key;
    if (performance.now() > deadline)
      throw new UserError(`${name} was created but does not answer \`wg show\``);
    await sleep(20);
  }
}
