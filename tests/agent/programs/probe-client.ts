import assert from "node:assert/strict";
import { promises as fs } from "node:fs";
import { generateKeyPair } from "../../../wireguard/keys";
import type { LocalWriter } from "../../registry/local-writer";
import { config, isStatus, peers, root } from "./server";
import { type RunningAgent, step, tool, until } from "./support";

const inClient = (...command: string[]) => tool("nsenter", "--net=/run/netns/client", ...command);

/** A client in a namespace of its own that sends everything through the tunnel. */
async function startClient(
  serverKey: string,
  key: { privateKey: string; publicKey: string },
  address: string,
) {
  await tool("ip", "netns", "add", "client");
  await tool("ip", "link", "add", "road", "type", "veth", "peer", "name", "eth0", "netns", "client");
  await tool("ip", "address", "add", "198.51.100.1/24", "dev", "road");
  await tool("ip", "link", "set", "road", "up");
  await tool("ip", "route", "add", "169.254.169.254", "dev", "road");
  await inClient("ip", "address", "add", "198.51.100.2/24", "dev", "eth0");
  await inClient("ip", "link", "set", "eth0", "up");
  await inClient("ip", "link", "add", "wgc0", "type", "wireguard").catch(() =>
    inClient("wireguard-go", "wgc0"),
  );
  await fs.writeFile(`${root}/client.key`, `${key.privateKey}\n`, { mode: 0o600 });
  await inClient(
    ...["wg", "set", "wgc0", "private-key", `${root}/client.key`, "peer", serverKey],
    ...["endpoint", `198.51.100.1:${config.listenPort}`, "allowed-ips", "0.0.0.0/0"],
  );
  await inClient("ip", "address", "add", address, "dev", "wgc0");
  await inClient("ip", "link", "set", "wgc0", "up");
  await inClient("ip", "route", "add", "default", "dev", "wgc0");
}

/** Packets that a rule of the server's firewall has counted. */
async function counted(chain: string, comment: string): Promise<number> {
  const rules = await tool("nft", "list", "chain", "inet", "wgc", chain);
  const found = new RegExp(`packets (\\d+) bytes \\d+ .*comment "${comment}"`).exec(rules)?.[1];
  assert.notEqual(found, undefined, `no rule "${comment}" in ${rules}`);
  return Number(found);
}

const send = (to: string) => inClient("bash", "-c", `echo x >/dev/udp/${to}`);

/**
 * The probe's exception in the firewall is the probe's alone: a client reaches neither the metadata service nor anything of
 * the probe, with its own address or with the probe's. The agent is killed meanwhile, so that nothing else counts.
 */
export async function clientCannotReachTheProbe(
  writer: LocalWriter,
  serverKey: string,
  agent: RunningAgent,
  restart: () => RunningAgent,
): Promise<{ next: RunningAgent; client: string }> {
  const key = generateKeyPair();
  const { addresses } = await writer.add({ name: "mallory", publicKey: key.publicKey });
  await until("the client in the interface", async () => (await peers()).has(key.publicKey));
  await startClient(serverKey, key, addresses[0] ?? "");
  await until("the client's tunnel", () => inClient("ping", "-c", "1", "-W", "1", "10.100.0.1"));
  agent.process.kill("SIGKILL");
  await agent.exited;

  const forwarded = await counted("link_local", "probe");
  const [metadata, cable] = ["instance metadata, link-local", "tunnel to the probe's cable"];
  const before = [await counted("link_local", metadata), await counted("input", cable)];
  // The target, the namespace's end with its port, the metadata service; then the server's end, with and without a port.
  for (const to of ["169.254.77.9/61902", "169.254.77.2/61901", "169.254.169.254/80"]) await send(to);
  await send("169.254.77.1/61903");
  await inClient("ping", "-c", "1", "-W", "1", "169.254.77.1").catch(() => undefined);
  await until("all dropped", async () => {
    const after = [await counted("link_local", metadata), await counted("input", cable)];
    assert.deepEqual(after, [(before[0] ?? 0) + 3, (before[1] ?? 0) + 2]);
    return true;
  });

  // As the probe: the server takes its address from its own key only.
  await inClient("ip", "address", "replace", "10.100.255.254/32", "dev", "wgc0");
  await tool(
    "ip",
    "-n",
    "client",
    "route",
    "replace",
    "169.254.77.9",
    "dev",
    "wgc0",
    "src",
    "10.100.255.254",
  );
  const received = async () => (await peers()).get(key.publicKey)?.rxBytes ?? 0;
  const bytes = await received();
  await send("169.254.77.9/61902");
  await until("the forged packet came in", async () => (await received()) > bytes);
  assert.equal(await counted("link_local", "probe"), forwarded);
  assert.equal(await counted("link_local", metadata), (before[0] ?? 0) + 3);
  const next = restart();
  await isStatus("ok");
  step("a client reaches nothing of the probe");
  return { next, client: key.publicKey };
}
