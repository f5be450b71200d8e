import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { agentConfigSchema } from "../../agent/config";
import { UserError } from "../../config/errors";
import { bootFiles, renderUserData, USER_DATA_LIMIT_BYTES, withinLimit } from "../../userdata/render";
import { CLOUD_INIT, runTool, testWith } from "../support/tool";
import { ROUTED, USER_DATA } from "../support/user-data";

const text = renderUserData(USER_DATA);
const document = parse(text);
const file = (path: string) =>
  bootFiles(USER_DATA).find((candidate) => candidate.path === path)?.content ?? "";

test("user data is a cloud-config of exactly the modules that the contract names", () => {
  expect(text.startsWith("#cloud-config\n")).toBe(true);
  expect(Object.keys(document)).toEqual(["package_update", "packages", "write_files", "mounts", "runcmd"]);
  expect(document.runcmd).toEqual([["/opt/wgc/boot.sh"]]);
  expect(document.packages).toEqual([
    "wireguard-tools",
    "nftables",
    "conntrack-tools",
    "amazon-efs-utils",
    "nodejs24",
  ]);
});

test("both access points are mounted over TLS with the instance role, the registry read-only", () => {
  expect(document.mounts).toEqual([
    [
      "fs-0123456789abcdef0:/",
      "/mnt/wgc/registry",
      "efs",
      "ro,_netdev,nofail,tls,iam,accesspoint=fsap-0aaaaaaaaaaaaaaaa",
      "0",
      "0",
    ],
    [
      "fs-0123456789abcdef0:/",
      "/mnt/wgc/runtime",
      "efs",
      "_netdev,nofail,tls,iam,accesspoint=fsap-0bbbbbbbbbbbbbbbb",
      "0",
      "0",
    ],
  ]);
});

test("the written files are these, with these modes, and all outside /usr", () => {
  const files = document.write_files.map((entry: { path: string; permissions: string; owner: string }) => [
    entry.path,
    entry.permissions,
    entry.owner,
  ]);
  expect(files).toEqual([
    ["/etc/wgc/agent.json", "0644", "root:root"],
    ["/etc/wgc/nftables.nft", "0644", "root:root"],
    ["/etc/sysctl.d/90-wgc.conf", "0644", "root:root"],
    ["/etc/systemd/system/wgc-network.service", "0644", "root:root"],
    ["/etc/systemd/system/wgc-agent.service", "0644", "root:root"],
    ["/etc/systemd/system/wgc-rekey.path", "0644", "root:root"],
    ["/etc/systemd/system/wgc-rekey.service", "0644", "root:root"],
    ["/opt/wgc/boot.sh", "0755", "root:root"],
  ]);
});

test("YAML carries every file unchanged", () => {
  const carried = document.write_files.map((entry: { content: string }) => entry.content);
  expect(carried).toEqual(bootFiles(USER_DATA).map((entry) => entry.content));
});

test("the agent accepts its configuration and reads what was meant", () => {
  expect(agentConfigSchema.parse(JSON.parse(file("/etc/wgc/agent.json")))).toEqual({
    version: 1,
    cluster: "wgc-test",
    region: "eu-central-1",
    lifecycle: {
      group: "wgc-test-servers",
      launchHook: "wgc-launch",
      terminateHook: "wgc-terminate",
      heartbeatSeconds: 90,
    },
    interface: "wg0",
    listenPort: 51820,
    healthPort: 8080,
    mtu: 1420,
    tunnelIpv4: "10.100.0.0/16",
    registryPath: "/mnt/wgc/registry",
    runtimePath: "/mnt/wgc/runtime",
    statePath: "/var/lib/wgc",
    drainSeconds: 20,
    deregistrationDelaySeconds: 30,
    healthCheckSeconds: 5,
    takeover: true,
    monitoring: "none",
    addressing: "masquerade",
    topology: "active-active",
    mesh: { port: 51830 },
  });
});

test("a server with routed addressing is told what it needs for it, and not what is the firewall's", () => {
  const args = { ...ROUTED, topology: "active-passive", meshPort: 51999 } as const;
  const rendered = bootFiles(args).find(({ path }) => path === "/etc/wgc/agent.json");
  expect(agentConfigSchema.parse(JSON.parse(rendered?.content ?? ""))).toMatchObject({
    addressing: "routed",
    topology: "active-passive",
    mesh: { port: 51999 },
    routed: {
      overlayPort: 4790,
      prefixes: ["10.0.0.0/16", "172.20.0.0/16"],
      routeTables: [
        { id: "rtb-0aaaaaaaaaaaaaaaa", zone: "eu-central-1a" },
        { id: "rtb-0bbbbbbbbbbbbbbbb", zone: "eu-central-1b" },
      ],
      clientToClient: false,
    },
    monitoring: "none",
  });
});

test("kernel settings turn forwarding on and touch only keys of a network namespace", () => {
  const lines = file("/etc/sysctl.d/90-wgc.conf")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  expect(lines).toEqual([
    "net.ipv4.ip_forward = 1",
    "net.ipv4.conf.all.rp_filter = 2",
    "net.ipv4.conf.default.rp_filter = 2",
    "net.ipv4.conf.all.send_redirects = 0",
    "net.ipv4.conf.default.send_redirects = 0",
    "net.ipv4.conf.all.accept_redirects = 0",
    "net.ipv4.conf.default.accept_redirects = 0",
  ]);
  for (const line of lines)
    expect(line).toMatch(/^net\.ipv4\.(ip_forward|conf\.(all|default)\.[a-z_]+) = \d$/);
});

test("user data fits, and what does not fit is refused with the size", () => {
  expect(Buffer.byteLength(text)).toBeLessThan(USER_DATA_LIMIT_BYTES * 0.75);
  expect(withinLimit("x".repeat(16384))).toHaveLength(16384);
  expect(() => withinLimit("x".repeat(16385))).toThrow(UserError);
  expect(() => withinLimit("é".repeat(8193))).toThrow(/16386 bytes and EC2 takes 16384/);
});

test("the same arguments give the same bytes", () => {
  expect(renderUserData({ ...USER_DATA })).toBe(text);
});

testWith(CLOUD_INIT, "cloud-init's own schema accepts it", () => {
  const path = join(mkdtempSync(join(tmpdir(), "wgc-")), "user-data");
  writeFileSync(path, text);
  const result = runTool("cloud-init", ["schema", "-c", path]);
  expect(result.text).toMatch(/^Valid /m);
  expect(result.code).toBe(0);
});
