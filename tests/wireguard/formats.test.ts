import { renderClientConfig } from "../../wireguard/config";
import {
  FORMATS,
  type FormatName,
  formatNames,
  type Profile,
  privateKeyPlaceholder,
} from "../../wireguard/formats";
import { splitEndpoint } from "../../wireguard/formats/profile";
import { isKey } from "../../wireguard/keys";
import { FULL, SPLIT } from "./profiles";

/** A profile with readable stand-ins for its keys. */
const readable = (profile: Profile): Profile => ({
  ...profile,
  privateKey: "PRIVATE",
  serverPublicKey: "PUBLIC",
  ...(profile.presharedKey === undefined ? {} : { presharedKey: "PRESHARED" }),
});
const text = (format: FormatName, profile: Profile): string =>
  FORMATS[format]
    .render(profile)
    .map((file) => `${file.suffix}\n${file.text}`)
    .join("");

/** `name=value` lines by section, in order; anything else is refused. */
function iniSections(content: string): [string, [string, string][]][] {
  const sections: [string, [string, string][]][] = [];
  for (const line of content.split("\n").filter((each) => each !== "")) {
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    const [, name, value] = /^([A-Za-z0-9-]+)=(.+)$/.exec(line) ?? [];
    if (section !== undefined) sections.push([section, []]);
    else if (name !== undefined && value !== undefined) sections.at(-1)?.[1].push([name, value]);
    else throw new Error(`not an entry: ${line}`);
  }
  return sections;
}

test("networkd, split tunnel: one route a range, and no rules", () => {
  const [netdev, network] = FORMATS.networkd.render(readable(SPLIT));
  expect([netdev?.suffix, network?.suffix]).toEqual([".netdev", ".network"]);
  expect(iniSections(netdev?.text ?? "")).toEqual([
    [
      "NetDev",
      [
        ["Name", "wgc0"],
        ["Kind", "wireguard"],
        ["Description", "alice"],
        ["MTUBytes", "1420"],
      ],
    ],
    ["WireGuard", [["PrivateKey", "PRIVATE"]]],
    [
      "WireGuardPeer",
      [
        ["PublicKey", "PUBLIC"],
        ["PresharedKey", "PRESHARED"],
        ["Endpoint", "192.0.2.1:51820"],
        ["AllowedIPs", "10.0.0.0/16"],
        ["AllowedIPs", "192.168.0.0/24"],
        ["PersistentKeepalive", "25"],
      ],
    ],
  ]);
  expect(iniSections(network?.text ?? "")).toEqual([
    ["Match", [["Name", "wgc0"]]],
    [
      "Network",
      [
        ["Address", "10.100.0.2/32"],
        ["IPv6AcceptRA", "no"],
        ["DNS", "10.0.0.2"],
        ["Domains", "corp.example"],
      ],
    ],
    [
      "Route",
      [
        ["Destination", "10.0.0.0/16"],
        ["Scope", "link"],
      ],
    ],
    [
      "Route",
      [
        ["Destination", "192.168.0.0/24"],
        ["Scope", "link"],
      ],
    ],
  ]);
});

test("networkd, full tunnel: the default route stands in a table that the tunnel's own packets do not look into", () => {
  const [netdev, network] = FORMATS.networkd.render(readable(FULL));
  expect(iniSections(netdev?.text ?? "")[1]).toEqual([
    "WireGuard",
    [
      ["PrivateKey", "PRIVATE"],
      ["FirewallMark", "51820"],
    ],
  ]);
  expect(netdev?.text).not.toContain("PresharedKey");
  expect(iniSections(network?.text ?? "").slice(1)).toEqual([
    [
      "Network",
      [
        ["Address", "10.100.0.2/32"],
        ["IPv6AcceptRA", "no"],
        ["DNS", "10.0.0.2"],
        ["Domains", "~."],
      ],
    ],
    [
      "Route",
      [
        ["Destination", "0.0.0.0/0"],
        ["Scope", "link"],
        ["Table", "51820"],
      ],
    ],
    [
      "RoutingPolicyRule",
      [
        ["Family", "ipv4"],
        ["Table", "main"],
        ["SuppressPrefixLength", "0"],
        ["Priority", "32764"],
      ],
    ],
    [
      "RoutingPolicyRule",
      [
        ["Family", "ipv4"],
        ["FirewallMark", "51820"],
        ["InvertRule", "yes"],
        ["Table", "51820"],
        ["Priority", "32765"],
      ],
    ],
  ]);
});

test("NetworkManager: a keyfile", () => {
  expect(iniSections(FORMATS.networkmanager.render(readable(SPLIT))[0]?.text ?? "")).toEqual([
    [
      "connection",
      [
        ["id", "alice"],
        ["type", "wireguard"],
        ["interface-name", "wgc0"],
      ],
    ],
    [
      "wireguard",
      [
        ["mtu", "1420"],
        ["private-key", "PRIVATE"],
      ],
    ],
    [
      "wireguard-peer.PUBLIC",
      [
        ["endpoint", "192.0.2.1:51820"],
        ["preshared-key", "PRESHARED"],
        ["preshared-key-flags", "0"],
        ["persistent-keepalive", "25"],
        ["allowed-ips", "10.0.0.0/16;192.168.0.0/24;"],
      ],
    ],
    [
      "ipv4",
      [
        ["address1", "10.100.0.2/32"],
        ["dns", "10.0.0.2;"],
        ["dns-search", "corp.example;"],
        ["method", "manual"],
      ],
    ],
    ["ipv6", [["method", "disabled"]]],
  ]);
  expect(FORMATS.networkmanager.render(FULL)[0]?.text).toContain("\ndns-search=~;\n");
});

/** A line of RouterOS: the menu's path, `add` or `set`, then `name=value` with values that need quotes in quotes. */
function routerOs(line: string): { menu: string; values: Record<string, string> } {
  const [, menu, rest = ""] = /^(\/[a-z0-9 ]+?) (?:add|set) (.*)$/.exec(line) ?? [];
  if (menu === undefined) throw new Error(`not a command: ${line}`);
  const values = [...rest.matchAll(/([a-z-]+)=("[^"]*"|[^ "]+)(?: |$)/g)];
  expect(values.map(([whole]) => whole).join("")).toBe(rest);
  return {
    menu,
    values: Object.fromEntries(values.map(([, name = "", value = ""]) => [name, value.replaceAll('"', "")])),
  };
}

test("RouterOS: every line is a command or a comment", () => {
  const lines = (FORMATS.mikrotik.render(readable(SPLIT))[0]?.text ?? "").trimEnd().split("\n");
  expect(lines.filter((line) => !line.startsWith("#")).map(routerOs)).toEqual([
    {
      menu: "/interface wireguard",
      values: { name: "wgc0", mtu: "1420", "private-key": "PRIVATE", comment: "alice" },
    },
    {
      menu: "/interface wireguard peers",
      values: {
        interface: "wgc0",
        "public-key": "PUBLIC",
        "preshared-key": "PRESHARED",
        "endpoint-address": "192.0.2.1",
        "endpoint-port": "51820",
        "allowed-address": "10.0.0.0/16,192.168.0.0/24",
        "persistent-keepalive": "25s",
      },
    },
    { menu: "/ip address", values: { address: "10.100.0.2/32", interface: "wgc0" } },
    { menu: "/ip route", values: { "dst-address": "10.0.0.0/16", gateway: "wgc0" } },
    { menu: "/ip route", values: { "dst-address": "192.168.0.0/24", gateway: "wgc0" } },
    { menu: "/ip firewall nat", values: { chain: "srcnat", "out-interface": "wgc0", action: "masquerade" } },
  ]);
});

test("RouterOS: a default route is the owner's to switch on", () => {
  const full = FORMATS.mikrotik.render(FULL)[0]?.text ?? "";
  expect(full).toContain("\n# /ip route add dst-address=0.0.0.0/0 gateway=wgc0\n");
  expect(full).not.toMatch(/^\/ip route/m);
});

test("OPNsense: every field with its value", () => {
  const fields = Object.fromEntries(
    [...(FORMATS.opnsense.render(readable(SPLIT))[0]?.text ?? "").matchAll(/^ {3}(.+?): +(.+)$/gm)].map(
      ([, name, value]) => [name, value],
    ),
  );
  expect(fields).toMatchObject({
    "Private key": "PRIVATE",
    "Pre-shared key": "PRESHARED",
    "Allowed IPs": "10.0.0.0/16, 192.168.0.0/24",
    "Endpoint address": "192.0.2.1",
    "Endpoint port": "51820",
    "Keepalive interval": "25",
    MTU: "1420",
    "DNS servers": "10.0.0.2",
    "Tunnel address": "10.100.0.2/32",
  });
});

test("every format holds every value, IPv6 as well, and the private key once", () => {
  const profile: Profile = {
    ...readable(SPLIT),
    addresses: ["10.100.0.2/32", "fd00::2/128"],
    endpoint: "[2001:db8::1]:4500",
    allowedIps: ["10.0.0.0/16", "fd00:1::/64"],
  };
  const endpoints: Record<FormatName, RegExp> = {
    "wg-quick": /^Endpoint = \[2001:db8::1\]:4500$/m,
    networkd: /^Endpoint=\[2001:db8::1\]:4500$/m,
    networkmanager: /^endpoint=\[2001:db8::1\]:4500$/m,
    mikrotik: /endpoint-address=2001:db8::1 endpoint-port=4500 /,
    opnsense: /Endpoint address: {4}2001:db8::1\n {3}Endpoint port: {7}4500$/m,
  };
  for (const format of formatNames) {
    const rendered = text(format, profile);
    for (const value of [
      "PUBLIC",
      "PRESHARED",
      "10.100.0.2/32",
      "fd00::2/128",
      "10.0.0.0/16",
      "fd00:1::/64",
      "1420",
    ])
      expect(rendered).toContain(value);
    expect(rendered.match(/PRIVATE/g)).toHaveLength(1);
    expect(rendered).toMatch(endpoints[format]);
    expect(rendered.endsWith("\n")).toBe(true);
  }
  expect(text("wg-quick", profile)).toBe(`.conf\n${renderClientConfig(profile)}`);
});

test("every format has the files that it says it has", () => {
  for (const format of formatNames)
    expect(FORMATS[format].render(SPLIT).map((file) => file.suffix)).toEqual(FORMATS[format].suffixes);
});

test("an endpoint's parts", () => {
  expect(splitEndpoint("vpn.example.com:51820")).toEqual({ host: "vpn.example.com", port: "51820" });
  expect(splitEndpoint("[2001:db8::1]:51820")).toEqual({ host: "2001:db8::1", port: "51820" });
});

test("what stands for a missing private key is no key", () => {
  expect(isKey(privateKeyPlaceholder("alice"))).toBe(false);
  expect(privateKeyPlaceholder("alice")).toContain("alice");
});
