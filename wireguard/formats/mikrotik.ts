import {
  byFamily,
  type ConfigFile,
  INTERFACE,
  isDefaultRoute,
  type Profile,
  splitDns,
  splitEndpoint,
} from "./profile";

/**
 * Commands for RouterOS 7 (`/import file-name=...`), https://help.mikrotik.com/docs/display/ROS/WireGuard. RouterOS makes no
 * routes from allowed addresses, so they are there one by one. A default route would catch the tunnel's own packets too, and only
 * the router's owner knows the way to the internet: it is left as a comment.
 */
export function renderMikrotik(profile: Profile): ConfigFile[] {
  const { host, port } = splitEndpoint(profile.endpoint);
  const { servers } = splitDns(profile.dns ?? []);
  const addresses = byFamily(profile.addresses);
  const peer = [
    `interface=${INTERFACE}`,
    `public-key="${profile.serverPublicKey}"`,
    ...(profile.presharedKey === undefined ? [] : [`preshared-key="${profile.presharedKey}"`]),
    `endpoint-address=${host}`,
    `endpoint-port=${port}`,
    `allowed-address=${profile.allowedIps.join(",")}`,
    `persistent-keepalive=${profile.persistentKeepalive}s`,
  ];
  const lines = [
    `# WireGuard client ${profile.name}, for RouterOS 7`,
    `/interface wireguard add name=${INTERFACE} mtu=${profile.mtu} private-key="${profile.privateKey}" comment="${profile.name}"`,
    `/interface wireguard peers add ${peer.join(" ")}`,
    ...addresses.v4.map((address) => `/ip address add address=${address} interface=${INTERFACE}`),
    ...addresses.v6.map(
      (address) => `/ipv6 address add address=${address} interface=${INTERFACE} advertise=no`,
    ),
    ...profile.allowedIps.map(route),
    "# Other machines behind this router reach the tunnel through its one address:",
    `/ip firewall nat add chain=srcnat out-interface=${INTERFACE} action=masquerade`,
    ...(servers.length === 0
      ? []
      : [
          "# This router's DNS servers; take the # away to use them:",
          `# /ip dns set servers=${servers.join(",")}`,
        ]),
    "",
  ];
  return [{ suffix: ".rsc", text: lines.join("\n") }];
}

function route(range: string): string {
  const add = `/${byFamily([range]).v4.length === 1 ? "ip" : "ipv6"} route add dst-address=${range} gateway=${INTERFACE}`;
  return isDefaultRoute(range)
    ? `# Everything through the tunnel: first add a route to the endpoint by your provider's gateway, then:\n# ${add}`
    : add;
}
