/** The forms in which a client's configuration can be had. */
import { renderClientConfig } from "../config";
import { renderMikrotik } from "./mikrotik";
import { renderNetworkd } from "./networkd";
import { renderNetworkManager } from "./networkmanager";
import { renderOpnsense } from "./opnsense";
import type { ConfigFile, Profile } from "./profile";

export type { ConfigFile, Profile } from "./profile";

/** The formats by name, each with what it is for. */
export const FORMATS = {
  "wg-quick": {
    what: "wg-quick and the apps for Windows, macOS, iOS, Android; nmcli imports it too",
    render: (profile: Profile): ConfigFile[] => [{ suffix: ".conf", text: renderClientConfig(profile) }],
  },
  networkd: { what: "systemd-networkd: a .netdev and a .network file", render: renderNetworkd },
  networkmanager: { what: "NetworkManager: a keyfile for system-connections", render: renderNetworkManager },
  mikrotik: { what: "RouterOS 7: commands for /import", render: renderMikrotik },
  opnsense: { what: "OPNsense: what to enter where", render: renderOpnsense },
} as const satisfies Record<string, { what: string; render(profile: Profile): ConfigFile[] }>;

/** A format's name. */
export type FormatName = keyof typeof FORMATS;
export const formatNames = Object.keys(FORMATS) as FormatName[];

/** Stands where a private key belongs that only the client's own device has; no program takes it for a key. */
export function privateKeyPlaceholder(name: string): string {
  return `PUT-THE-PRIVATE-KEY-OF-${name}-HERE`;
}
