import { spawnSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FORMATS, type FormatName, type Profile } from "../../wireguard/formats";
import { namespaceTest, temporaryFolder } from "../agent/namespace";
import { runTool, type Tool, testWith } from "../support/tool";
import { FULL, SPLIT } from "./profiles";

const folder = temporaryFolder();
const NETWORKD = "/lib/systemd/systemd-networkd";
const MOST_MS = 60_000;

/** Writes a profile's files; resolves to their paths. */
function written(format: FormatName, profile: Profile): string[] {
  return FORMATS[format].render(profile).map(({ suffix, text }) => {
    const path = join(folder, `wgc0${suffix}`);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    return path;
  });
}

/** Runs a shell script as root of its own namespaces; everything it started ends with it. */
function inNamespaces(script: string, args: readonly string[]): string {
  const unshare = [
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
  ];
  const result = spawnSync("unshare", [...unshare, "sh", "-euc", script, "sh", ...args], {
    encoding: "utf8",
    timeout: MOST_MS,
  });
  if (result.status !== 0) throw new Error(`ended with ${result.status}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

const DEVICE = `
  mount -t tmpfs wgc-test /run
  ip link set lo up
  ip link add wgc0 type wireguard 2>/dev/null || wireguard-go wgc0 >/dev/null 2>&1
`;

namespaceTest(
  "wg-quick strips its file and wg takes it: the same keys, endpoint and ranges",
  async () => {
    for (const profile of [SPLIT, FULL]) {
      const [conf = ""] = written("wg-quick", profile);
      const dump = inNamespaces(
        `${DEVICE} wg-quick strip "$1" >/run/stripped && wg setconf wgc0 /run/stripped && wg show wgc0 dump`,
        [conf],
      );
      const [own = [], peer = []] = dump.split("\n").map((line) => line.split("\t"));
      expect(own[0]).toBe(profile.privateKey);
      expect([peer[0], peer[1], peer[2], peer[3], peer[7]]).toEqual([
        profile.serverPublicKey,
        profile.presharedKey ?? "(none)",
        profile.endpoint,
        profile.allowedIps.join(","),
        String(profile.persistentKeepalive),
      ]);
    }
  },
  MOST_MS,
);

/**
 * systemd-networkd in a container's clothes: it runs as its own user, which here is root under that name; with a read-only /sys it
 * does not wait for udev. The .netdev is read beside a device of another name, because networkd does not take an interface that
 * wireguard-go made for a WireGuard one.
 */
const RUN_NETWORKD = `
  ${DEVICE}
  mkdir -p /run/systemd/network
  sed 's/^systemd-network:\\([^:]*\\):[0-9]*:[0-9]*:/systemd-network:\\1:0:0:/' /etc/passwd >/run/passwd
  sed 's/^systemd-network:\\([^:]*\\):[0-9]*:/systemd-network:\\1:0:/' /etc/group >/run/group
  mount --bind /run/passwd /etc/passwd
  mount --bind /run/group /etc/group
  mount -t sysfs -o ro wgc-test /sys
  cp "$2" /run/systemd/network/
  sed 's/^Name=wgc0$/Name=wgc9/' "$1" >/run/systemd/network/wgc9.netdev
  chmod 640 /run/systemd/network/*
  SYSTEMD_LOG_LEVEL=debug ${NETWORKD} >/run/log 2>&1 &
  tries=0
  until grep -q '^wgc0: State changed: configuring -> configured' /run/log || [ $tries -gt 200 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
  echo "complaints $(grep -o '/run/systemd/network/[^ ]*:[0-9]*: .*' /run/log | tr '\\n' ' ')"
  grep -q 'wgc9: loaded "wireguard"' /run/log && echo 'netdev read'
  ip -o -4 addr show dev wgc0 | awk '{print "address", $4}'
  ip -4 route show table all dev wgc0 scope link | awk '{print "route", $0}'
  ip -4 rule show | awk '{print "rule", $0}'
`;

const networkdTest = spawnSync(NETWORKD, ["--version"]).status === 0 ? namespaceTest : skipped;
function skipped(title: string, body: () => Promise<void>): void {
  test.skip(`${title} (skipped: ${NETWORKD} does not run here)`, body);
}

networkdTest(
  "systemd-networkd reads both files without a complaint and makes addresses, routes and rules",
  async () => {
    const facts = (profile: Profile): string[] =>
      inNamespaces(RUN_NETWORKD, written("networkd", profile))
        .trimEnd()
        .split("\n")
        .map((line) => line.replaceAll(/\s+/g, " ").trim());
    expect(facts(SPLIT)).toEqual([
      "complaints",
      "netdev read",
      "address 10.100.0.2/32",
      "route 10.0.0.0/16 proto static",
      "route 192.168.0.0/24 proto static",
      "rule 0: from all lookup local",
      "rule 32766: from all lookup main",
      "rule 32767: from all lookup default",
    ]);
    expect(facts({ ...SPLIT, persistentKeepalive: 99_999 })[0]).toContain("wgc9.netdev:16: Failed to parse");
    expect(facts(FULL)).toEqual([
      "complaints",
      "netdev read",
      "address 10.100.0.2/32",
      "route default table 51820 proto static",
      "rule 0: from all lookup local",
      "rule 32764: from all lookup main suppress_prefixlength 0 proto static",
      "rule 32765: not from all fwmark 0xca6c lookup 51820 proto static",
      "rule 32766: from all lookup main",
      "rule 32767: from all lookup default",
    ]);
  },
  MOST_MS,
);

const NMCLI: Tool = {
  name: "nmcli --offline",
  probe: ["nmcli", "--offline", "connection", "add", "type", "dummy", "ifname", "d0"],
};

testWith(NMCLI, "NetworkManager reads its keyfile and writes every value back", () => {
  for (const profile of [SPLIT, FULL]) {
    const text = FORMATS.networkmanager.render(profile)[0]?.text ?? "";
    const read = runTool(
      "nmcli",
      ["--offline", "connection", "modify", "connection.autoconnect", "no"],
      text,
    );
    expect(read.code).toBe(0);
    // What it does not understand it leaves out, so all of ours has to come back; it adds a uuid and what was asked for.
    const sorted = (lines: string): string[] => lines.split("\n").filter(Boolean).sort();
    const added = (line: string): boolean =>
      line.startsWith("uuid=") || ["autoconnect=false", "[proxy]"].includes(line);
    expect(sorted(read.text).filter((line) => !added(line))).toEqual(sorted(text));
  }
});
