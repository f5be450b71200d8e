import { join } from "node:path";
import { loadSettings } from "../../config/load";
import { renderNftables } from "../../userdata/nftables";
import { renderUserData, USER_DATA_LIMIT_BYTES } from "../../userdata/render";
import { bundle, inNamespace, temporaryFolder } from "../agent/namespace";
import { patient } from "../support/slow";
import { NFT, runTool, type Tool, testWith } from "../support/tool";
import { ROUTED, USER_DATA } from "../support/user-data";

jest.setTimeout(patient(180_000));

const folder = temporaryFolder();
const text = renderNftables(ROUTED);
const lines = (rules: string) => rules.split("\n").map((line) => line.trim());

/** Network namespaces with the overlay's kind of device and connection tracking. */
const OVERLAY: Tool = {
  name: "VXLAN-GPE, nft and conntrack in a user namespace",
  probe: [
    "unshare",
    "-rn",
    "sh",
    "-ec",
    "ip link add dev overlay type vxlan gpe external dstport 4790; nft list tables; conntrack -L",
  ],
};

test("what both modes have is the same in both", () => {
  const [masqueraded, routed] = [lines(renderNftables(USER_DATA)), lines(text)];
  expect(masqueraded.filter((line) => !routed.includes(line))).toEqual([
    'iifname { "wg0", "wg1" } oifname { "wg0", "wg1" } counter drop comment "client to client"',
    "udp dport 51830 ip saddr @mesh_members accept",
    'udp dport 51830 counter drop comment "no member of the mesh"',
    'ip saddr 10.100.0.0/16 oifname != { "wg0", "wg1" } masquerade',
  ]);
});

test("the metadata service and the shared file system are refused before anything from the tunnel is accepted", () => {
  const all = lines(text);
  const first = all.findIndex((line) => /^iifname .*accept$/.test(line) && line.includes("ip saddr 10.100"));
  expect(first).toBeGreaterThan(all.findIndex((line) => line.includes("jump link_local")));
  expect(first).toBeGreaterThan(all.findIndex((line) => line.includes("shared file system")));
});

test("the resolver is the VPC's base plus two", () => {
  expect(renderNftables({ ...ROUTED, vpcCidr: "10.8.16.0/20" })).toContain(
    "ip daddr 10.8.16.2/32 masquerade",
  );
});

testWith(NFT, "nft accepts every variant, with ranges that contain each other too", () => {
  const { routed } = ROUTED;
  if (routed === undefined) throw new Error("the example has no routed addressing");
  for (const more of [
    {},
    { backendPrefixes: [] },
    { clientToClient: true },
    {
      prefixes: ["10.0.0.0/16", "10.0.3.0/24", "10.0.0.0/16"],
      backendPrefixes: ["10.0.3.0/24", "10.0.0.0/8"],
    },
  ]) {
    const variant = renderNftables({ ...ROUTED, routed: { ...routed, ...more } });
    expect(runTool("unshare", ["-rn", "nft", "-c", "-f", "-"], variant)).toEqual({ code: 0, text: "" });
  }
});

testWith(NFT, "loading it twice gives the ruleset of loading it once", () => {
  const script =
    "f=/dev/shm/wgc-r$$; cat >$f; nft -f $f && nft list ruleset >$f.1 && nft -f $f && nft list ruleset >$f.2 && cmp $f.1 $f.2; r=$?; rm -f $f $f.1 $f.2; exit $r";
  expect(runTool("unshare", ["-rn", "sh", "-c", script], text)).toEqual({ code: 0, text: "" });
});

test("the most that the settings take fits into user data", () => {
  const ranges = (count: number) =>
    Array.from({ length: count }, (_, index) => `172.31.255.${200 + index}/32`).join(",");
  const tables = Array.from(
    { length: 12 },
    (_, index) => `rtb-${String(index).padStart(17, "0")}=ap-northeast-1a`,
  );
  const { settings } = loadSettings({
    stack: "test",
    values: {
      "aws:region": "ap-northeast-1",
      "wgc:clusterName": "c".repeat(24),
      "wgc:addressing": "routed",
      "wgc:routedPrefixes": ranges(20),
      "wgc:backendPrefixes": ranges(20),
      "wgc:routeTables": tables.join(","),
      "wgc:clientRoutes": "0.0.0.0/0",
    },
  });
  const own = Array.from({ length: 8 }, (_, index) => ({
    id: `rtb-${"0".repeat(16)}${index}`,
    zone: "ap-northeast-1a",
  }));
  const rendered = renderUserData({
    ...USER_DATA,
    ...settings,
    cluster: settings.clusterName,
    routed: {
      ...{ prefixes: settings.routedPrefixes, backendPrefixes: settings.backendPrefixes },
      ...{ clientToClient: true, routeTables: [...own, ...settings.routeTables] },
    },
  });
  expect(Buffer.byteLength(rendered)).toBeLessThan(USER_DATA_LIMIT_BYTES);
});

testWith(OVERLAY, "each rule, with packets between two servers, their clients and a VPC", async () => {
  const program = (name: string) => bundle(`tests/userdata/programs/${name}.ts`, join(folder, `${name}.js`));
  const { code, out, err } = await inNamespace(program("routed-firewall"), [program("host")]);
  if (code !== 0) throw new Error(`the program ended with ${code}\n${out}\n${err}`);
  const steps = out.split("\n").filter((line) => line !== "");
  expect(steps.map((line) => JSON.parse(line).step)).toEqual([
    "the VPC and routed prefixes see the client's address, the internet and the resolver the server's",
    "answers reach another server's client over the overlay, and the next hop keeps nothing in mind",
    "a connection goes on at a server that has never seen it, also when the backend speaks first",
    "backends open connections to clients here and elsewhere, nobody else does",
    "without backends nobody does",
    "what is not translated does not leave for the internet",
    "who pretends to be a client is dropped",
    "two servers that take each other for the holder send nothing to and fro",
    "overlay and mesh take packets from members only, and from none that has left",
    "a client speaks to no server's overlay and mesh",
    "clients reach each other across servers when that is on, and only then",
    "from outside the routed prefixes nothing comes to a client, here or elsewhere",
    "nothing reaches a server itself through the overlay",
  ]);
});
