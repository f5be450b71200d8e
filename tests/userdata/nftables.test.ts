import { renderNftables } from "../../userdata/nftables";
import { NFT, runTool, testWith } from "../support/tool";
import { USER_DATA } from "../support/user-data";

const text = renderNftables(USER_DATA);

/** The rules of one chain, in order. */
function chain(name: string): string[] {
  const body = new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n  \\}`).exec(text)?.[1] ?? "";
  return body.split("\n").map((line) => line.trim());
}

test("forwards from the tunnel and back, and nothing else", () => {
  expect(chain("forward")).toEqual([
    "type filter hook forward priority filter; policy drop;",
    'iifname { "wg0", "wg1" } ip daddr 169.254.0.0/16 jump link_local',
    'iifname { "wg0", "wg1" } ip6 daddr { fd00:ec2::254, fe80::/10 } counter drop comment "instance metadata, link-local"',
    'iifname { "wg0", "wg1" } meta l4proto { tcp, udp } th dport 2049 counter drop comment "shared file system"',
    'iifname { "wg0", "wg1" } ip daddr 10.0.0.0/16 udp dport { 51830, 4790 } counter drop comment "tunnel to the servers\' own ports"',
    'iifname { "wg0", "wg1" } tcp flags syn tcp option maxseg size set rt mtu',
    'oifname { "wg0", "wg1" } tcp flags syn tcp option maxseg size set rt mtu',
    'iifname { "wg0", "wg1" } oifname { "wg0", "wg1" } counter drop comment "client to client"',
    'iifname { "wg0", "wg1" } ip saddr 10.100.0.0/16 accept',
    'oifname { "wg0", "wg1" } ct state established,related accept',
  ]);
});

test("of the tunnel's packets to link-local addresses only the probe's one goes on", () => {
  expect(chain("link_local").slice(0, 2)).toEqual([
    'ip saddr 10.100.255.254 ip daddr 169.254.77.9 udp dport 61902 oifname "wgp0" counter return comment "probe"',
    'counter drop comment "instance metadata, link-local"',
  ]);
});

test("lets in WireGuard, health checks from the VPC and pings; a client gets nothing but the ping", () => {
  expect(chain("input")).toEqual([
    "type filter hook input priority filter; policy drop;",
    'iifname "lo" accept',
    'iifname { "wg0", "wg1" } ip daddr 169.254.0.0/16 counter drop comment "tunnel to the probe\'s cable"',
    'iifname { "wg0", "wg1" } icmp type echo-request accept',
    'iifname { "wg0", "wg1" } counter drop comment "tunnel to server"',
    "udp dport 51830 ip saddr @mesh_members accept",
    'udp dport 51830 counter drop comment "no member of the mesh"',
    "ct state established,related accept",
    'iifname "wgp0" ip saddr 169.254.77.2 ip daddr 169.254.77.1 udp dport 61903 accept',
    "meta l4proto { icmp, ipv6-icmp } accept",
    "udp dport { 51820, 51821 } accept",
    'ip saddr 10.0.0.0/16 tcp dport 8080 accept comment "health checks of the load balancer"',
  ]);
});

test("hides clients behind the server's address on every way out", () => {
  expect(chain("postrouting")).toEqual([
    "type nat hook postrouting priority srcnat; policy accept;",
    'ip saddr 10.100.0.0/16 oifname != { "wg0", "wg1" } masquerade',
  ]);
});

test("ports and ranges come from the arguments", () => {
  const other = renderNftables({
    listenPort: 4500,
    healthPort: 9000,
    tunnelCidr: "172.30.0.0/20",
    vpcCidr: "10.8.0.0/16",
    takeover: true,
    meshPort: 4600,
  });
  expect(other).toContain("udp dport 4600 ip saddr @mesh_members accept");
  expect(other).toContain("udp dport { 4500, 4501 } accept");
  expect(other).toContain("ip saddr 10.8.0.0/16 tcp dport 9000 accept");
  expect(other).toContain('ip saddr 172.30.0.0/20 oifname != { "wg0", "wg1" } masquerade');
  expect(other).not.toMatch(/51820|51830|8080|10\.100|10\.0\.0\.0/);
});

test("servers that take nothing over from each other talk to nobody, and no rule speaks of it", () => {
  const alone = renderNftables({ ...USER_DATA, takeover: false });
  // Clients are kept from the others' all the same: they may have been given theirs already.
  const spoken = alone.split("\n").filter((line) => /mesh|51830|4790/.test(line));
  expect(spoken.map((line) => line.includes("tunnel to the servers' own ports"))).toEqual([true]);
  const added = text.split("\n").filter((line) => !alone.split("\n").includes(line));
  expect(added.map((line) => line.trim())).toEqual([
    "set mesh_members { type ipv4_addr; }",
    "udp dport 51830 ip saddr @mesh_members accept",
    'udp dport 51830 counter drop comment "no member of the mesh"',
  ]);
});

testWith(NFT, "nft accepts the file without wg0 being there", () => {
  expect(runTool("unshare", ["-rn", "nft", "-c", "-f", "-"], text)).toEqual({ code: 0, text: "" });
});

testWith(NFT, "loading it twice gives the ruleset of loading it once", () => {
  const script =
    "cat >/dev/shm/wgc-$$; f=/dev/shm/wgc-$$; nft -f $f && nft list ruleset >$f.1 && nft -f $f && nft list ruleset >$f.2; r=$?; wc -l <$f.1; cmp $f.1 $f.2 || r=1; rm -f $f $f.1 $f.2; exit $r";
  const result = runTool("unshare", ["-rn", "sh", "-c", script], text);
  expect(result.code).toBe(0);
  expect(Number(result.text)).toBeGreaterThan(20);
});

testWith(
  NFT,
  "the kernel matches a client's packets to NFS and link-local addresses with the drops, and only those",
  () => {
    // A server with a veth for wg0, a client behind it, and a second veth for the VPC.
    const script = `
    cat >/dev/shm/wgc-$$
    unshare -n sleep 30 & client=$!
    trap 'kill $client; rm -f /dev/shm/wgc-$$' EXIT
    until [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
    set -e
    ip link add wg0 type veth peer name c0 && ip link set c0 netns $client
    ip link add vpc type veth peer name host && ip link set host up && ip addr add 10.0.0.1/16 dev vpc && ip link set vpc up
    ip addr add 10.100.0.1/16 dev wg0 && ip link set wg0 up
    ip route add 169.254.169.254 dev vpc
    echo 1 >/proc/sys/net/ipv4/ip_forward
    nft -f /dev/shm/wgc-$$
    nsenter -t $client -n sh -c 'ip addr add 10.100.0.2/16 dev c0; ip link set c0 up; ip route add default via 10.100.0.1'
    # A link that has just come up drops its first packets.
    nsenter -t $client -n sh -c 'for i in 1 2 3 4 5 6 7 8 9; do ping -c 1 -W 1 10.100.0.1 >/dev/null && exit; done; exit 1'
    for to in 10.0.0.9/2050 10.0.0.9/2049 169.254.169.254/80; do
      nsenter -t $client -n bash -c "echo x >/dev/udp/$to"
    done
    for i in $(seq 50); do
      nft list chain inet wgc forward | grep -q 'packets 1 .*shared file' && nft list chain inet wgc link_local | grep -q 'packets 1 .*metadata' && break
      sleep 0.1
    done
    nft list table inet wgc`;
    const { code, text: rules } = runTool("unshare", ["-rn", "bash", "-c", script], text);
    const count = (comment: string) =>
      new RegExp(`packets (\\d+) .*comment "${comment}"`).exec(rules)?.slice(1).map(Number);
    expect(code).toBe(0);
    expect(count("shared file system")).toEqual([1]);
    expect(count("instance metadata, link-local")).toEqual([1]);
  },
);
