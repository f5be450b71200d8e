import { type ConfigFile, type Profile, splitDns, splitEndpoint } from "./profile";

/** What to enter where in OPNsense 24.1 or newer: its web interface takes no file (https://docs.opnsense.org/manual/vpnet.html). */
export function renderOpnsense(profile: Profile): ConfigFile[] {
  const { host, port } = splitEndpoint(profile.endpoint);
  const { servers } = splitDns(profile.dns ?? []);
  const text = [
    `WireGuard client ${profile.name}, for OPNsense`,
    "",
    "1. VPN > WireGuard > Peers > +",
    ...fields([
      ["Name", `${profile.name}-servers`],
      ["Public key", profile.serverPublicKey],
      ["Pre-shared key", profile.presharedKey ?? "(leave empty)"],
      ["Allowed IPs", profile.allowedIps.join(", ")],
      ["Endpoint address", host],
      ["Endpoint port", port],
      ["Keepalive interval", String(profile.persistentKeepalive)],
    ]),
    "",
    "2. VPN > WireGuard > Instances > + (advanced mode)",
    ...fields([
      ["Name", profile.name],
      ["Public key", "(leave empty, it follows from the private key)"],
      ["Private key", profile.privateKey],
      ["Listen port", "(leave empty)"],
      ["MTU", String(profile.mtu)],
      ["DNS servers", servers.length === 0 ? "(leave empty)" : servers.join(", ")],
      ["Tunnel address", profile.addresses.join(", ")],
      ["Peers", `${profile.name}-servers`],
      ["Disable routes", "(off)"],
    ]),
    "",
    "3. VPN > WireGuard > General: enable WireGuard, apply.",
    "4. Interfaces > Assignments: assign the new interface and enable it; its IPv4 and IPv6 configuration stay 'None'.",
    "5. Firewall > NAT > Outbound: one rule with that interface, your network as source, and 'Interface address' as target.",
    "",
  ];
  return [{ suffix: ".txt", text: text.join("\n") }];
}

function fields(entries: readonly (readonly [string, string])[]): string[] {
  return entries.map(([name, value]) => `   ${`${name}:`.padEnd(20)} ${value}`);
}
