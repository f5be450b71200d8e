import { serverAddress } from "../../wireguard/addresses";
import { OVERLAY } from "../../wireguard/overlay";
import type { AgentConfig } from "../config";
import { ensure } from "../ensure";
import type { Exec } from "../exec";
import { OVERLAY_ROUTES } from "./overlay-routes";

const options = { timeoutMs: 10_000 };

/**
 * Makes the overlay's device and the rule that leads packets for clients into its table. Safe to repeat.
 *
 * VXLAN with the generic protocol extension carries IP packets without an Ethernet header: there is nothing to resolve and nothing to
 * flood. Plain VXLAN would need a hardware address for each server, and drops as looped what has the device's own.
 *
 * @returns whether the device was there and up before. Else there are no routes by it: the kernel drops them with the device, and also
 * when it is set down.
 */
export async function overlayUp(config: AgentConfig, exec: Exec): Promise<boolean> {
  const { routed, tunnelIpv4, mtu } = config;
  if (routed === undefined) return true;
  const name = OVERLAY.interface;
  const kind = ["type", "vxlan", "gpe", "external", "dstport", String(routed.overlayPort), "nolearning"];
  const links = ["-oneline", "link", "show", "type", "vxlan"];
  const wasUp = await shows(exec, links, new RegExp(`\\b${name}: <([^>]*,)?UP[,>]`));
  await ensure(
    () => shows(exec, links, new RegExp(`\\b${name}:`)),
    () => exec("ip", ["link", "add", "dev", name, ...kind], options),
  );
  // The tunnel's MTU: whoever sends more is told so by the first server, and nothing is cut into pieces on the way to the second.
  await exec("ip", ["link", "set", "dev", name, "mtu", String(mtu), "up"], options);
  // From a device without an address the kernel takes nothing in, however loose its check of reverse paths is (net/ipv4/fib_frontend.c,
  // __fib_validate_source): the server's own in the tunnel, for itself alone.
  const address = serverAddress(tunnelIpv4).replace(/\/.*/, "/32");
  await exec("ip", ["address", "replace", address, "dev", name], options);
  const { rulePriority, table } = OVERLAY_ROUTES;
  const rule = ["priority", String(rulePriority), "to", tunnelIpv4, "lookup", String(table)];
  await ensure(
    () => shows(exec, ["-4", "rule", "show"], new RegExp(`^${rulePriority}:`, "m")),
    () => exec("ip", ["-4", "rule", "add", ...rule], options),
  );
  return wasUp;
}

async function shows(exec: Exec, question: readonly string[], what: RegExp): Promise<boolean> {
  return what.test(await exec("ip", question, options));
}
