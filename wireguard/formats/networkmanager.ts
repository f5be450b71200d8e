import { byFamily, type ConfigFile, INTERFACE, type Profile, splitDns } from "./profile";

/**
 * A keyfile for /etc/NetworkManager/system-connections (nm-settings-keyfile(5)). It has no `uuid`: NetworkManager derives one from
 * the file's name. Routes follow from the allowed addresses (`peer-routes`, on by default), and with a default route among
 * them NetworkManager keeps the tunnel's own packets out of it (`ip4-auto-default-route`).
 */
export function renderNetworkManager(profile: Profile): ConfigFile[] {
  const { servers, domains } = splitDns(profile.dns ?? []);
  const addresses = byFamily(profile.addresses);
  const dns = byFamily(servers);
  const text = [
    "[connection]",
    `id=${profile.name}`,
    "type=wireguard",
    `interface-name=${INTERFACE}`,
    "",
    "[wireguard]",
    `mtu=${profile.mtu}`,
    `private-key=${profile.privateKey}`,
    "",
    `[wireguard-peer.${profile.serverPublicKey}]`,
    `endpoint=${profile.endpoint}`,
    // Without these flags a preshared key is ignored (nm-settings-keyfile(5), wireguard-peer).
    ...(profile.presharedKey === undefined
      ? []
      : [`preshared-key=${profile.presharedKey}`, "preshared-key-flags=0"]),
    `persistent-keepalive=${profile.persistentKeepalive}`,
    `allowed-ips=${list(profile.allowedIps)}`,
    "",
    "[ipv4]",
    ...family(addresses.v4, dns.v4, domains),
    "",
    "[ipv6]",
    ...family(addresses.v6, dns.v6, domains),
    "",
  ];
  return [{ suffix: ".nmconnection", text: text.join("\n") }];
}

function family(addresses: readonly string[], dns: readonly string[], domains: readonly string[]): string[] {
  if (addresses.length === 0) return ["method=disabled"];
  return [
    ...addresses.map((address, index) => `address${index + 1}=${address}`),
    ...(dns.length === 0 ? [] : [`dns=${list(dns)}`]),
    // `~` sends every question to these servers, as wg-quick does where no domain is given.
    ...(dns.length === 0 && domains.length === 0
      ? []
      : [`dns-search=${list(domains.length === 0 ? ["~"] : domains)}`]),
    "method=manual",
  ];
}

function list(values: readonly string[]): string {
  return values.map((value) => `${value};`).join("");
}
