/** The forms in which a client's configuration can be had. */
import { renderClientConfig } from "../config";
import { renderMikrotik } from "./mikrotik";
import { renderNetworkd } from "./networkd";
import { renderNetworkManager } from "./networkmanager";
import { renderOpnsense } from "./opnsense";
import type { ConfigFile, Profile } from "./profile";

export type { ConfigFile, Profile } from "./profile";

/** A form of a client's configuration. */
export interface Format {
  /** For which programs it is. */
  readonly what: string;
  /** Ends of its files' names, in the order in which `render` returns them. */
  readonly suffixes: readonly string[];
  render(profile: Profile): ConfigFile[];
}

/** The formats by name, each with what it is for. */
export const FORMATS = {
  "wg-quick": {
    what: "wg-quick and the apps for Windows, macOS, iOS, Android; nmcli imports it too",
    suffixes: [".conf"],
    render: (profile: Profile): ConfigFile[] => [{ suffix: ".conf", text: renderClientConfig(profile) }],
  },
  networkd: {
    what: "systemd-networkd: a .netdev and a .network file",
    suffixes: [".netdev", ".network"],
    render: renderNetworkd,
  },
  networkmanager: {
    what: "NetworkManager: a keyfile for system-connections",
    suffixes: [".nmconnection"],
    render: renderNetworkManager,
  },
  mikrotik: { what: "RouterOS 7: commands for /import", suffixes: [".rsc"], render: renderMikrotik },
  opnsense: { what: "OPNsense: what to enter where", suffixes: [".txt"], render: renderOpnsense },
} as const satisfies Record<string, Format>;

/** A format's name. */
export type FormatName = keyof typeof FORMATS;
export const formatNames = Object.keys(FORMATS) as FormatName[];

/** Stands where a private key belongs that only the client's own device has; no program takes it for a key. */
export function privateKeyPlaceholder(name: string): string {
  return `PUT-THE-PRIVATE-KEY-OF-${name}-HERE`;
}
