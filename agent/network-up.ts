import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../config/errors";
import { serverAddress } from "../wireguard/addresses";
import type { AgentConfig } from "./config";
import { type Exec, ExecError } from "./exec";
import { LocalCopy } from "./local-copy";
import { type Log, messageOf } from "./log";
import { probeUp } from "./probe-network";
import type { StorageClient } from "./storage-client";

const TOOL_LIMIT_MS = 10_000;
/** wireguard-go answers a few milliseconds after it is started. */
const DEVICE_LIMIT_MS = 5000;

/**
 * Brings the WireGuard interface up: creates it when it is missing, gives it key, port, address and MTU; then the probe.
 * Safe to repeat.
 *
 * INVARIANTS: an interface that already has a key is never re-created and never gets another key, so running this beside a
 * serving agent costs no session.
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
  let current = await publicKeyOfInterface(name, exec);
  if (current === undefined) {
    log.info({ interface: name, by: await createInterface(name, exec) }, "created the WireGuard interface");
    current = await waitForInterface(name, exec);
  }
  if (current !== "(none)" && current !== expected) {
    throw new UserError(
      `${name} exists with the public key ${current}, but this cluster's is ${expected}; remove the interface (\`ip link del ${name}\`) and run the command again`,
    );
  }
  // The file's name, not the key: arguments are visible to every user of the machine.
  if (current === "(none)") await exec("wg", ["set", name, "private-key", local.keyPath], options);
  await exec("wg", ["set", name, "listen-port", String(config.listenPort)], options);
  await exec("ip", ["address", "replace", serverAddress(config.tunnelIpv4), "dev", name], options);
  await exec("ip", ["link", "set", "dev", name, "mtu", String(config.mtu), "up"], options);
  log.info(
    { interface: name, publicKey: expected, listenPort: config.listenPort },
    "the WireGuard interface is up",
  );
  const create = async (tunnel: string, run: Exec) => {
    await createInterface(tunnel, run);
    await waitForInterface(tunnel, run);
  };
  await probeUp(config, expected, create, exec);
  log.info("the probe is up");
}

/** From this server's own copy, so that a reboot works without the shared storage; from the registry when there is none. */
async function ownPublicKey(config: AgentConfig, local: LocalCopy, storage: StorageClient): Promise<string> {
  const known = await local.publicKey();
  if (known !== undefined) return known;
  try {
    const { keys, cluster } = await storage.request(
      "identity",
      { root: config.registryPath },
      { limitMs: 30_000 },
    );
    await local.saveIdentity(keys, cluster);
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

/** The interface's public key as `wg` prints it ("(none)" before it has one), or undefined when there is no interface. */
async function publicKeyOfInterface(name: string, exec: Exec): Promise<string | undefined> {
  try {
    return (await exec("wg", ["show", name, "public-key"], { timeoutMs: TOOL_LIMIT_MS })).trim();
  } catch (error) {
    // Without the kernel's module `wg` says "Protocol not supported" about every interface that it finds no socket for.
    if (error instanceof ExecError && /No such device|Protocol not supported/i.test(error.message))
      return undefined;
    throw error;
  }
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
    const key = await publicKeyOfInterface(name, exec);
    if (key !== undefined) return key;
    if (performance.now() > deadline)
      throw new UserError(`${name} was created but does not answer \`wg show\``);
    await sleep(20);
  }
}
