// A network for the takeover's tests, inside one set of namespaces: this one is the router and load balancer, servers and
// clients are network namespaces behind it. Clients know one address, the balancer's; it sends each to the server of its choice.
import { promises as fs } from "node:fs";
import { initRegistry } from "../../../registry/init";
import type { ClusterFile } from "../../../registry/schema";
import { parseSessions } from "../../../registry/sessions";
import { type Dump, type Peer, parseDump } from "../../../wireguard/dump";
import { generateKeyPair, type KeyPair } from "../../../wireguard/keys";
import { LocalWriter } from "../../registry/local-writer";
import { metric, type RunningAgent, runAgent, tool, until } from "./support";

export const BALANCER = { 4: "10.9.0.1", 6: "fd09::1" } as const;
export const PORT = 51820;
/** Names of the servers, which the router counts packets by. */
export const SERVERS = ["a", "b", "c"] as const;
const ROOT = "/run/wgc";
export const REGISTRY = `${ROOT}/registry`;
export const RUNTIME = `${ROOT}/runtime`;
/** First bytes of WireGuard's packets (whitepaper, section 5.4). */
const TYPES = { initiation: 1, answer: 2, transport: 4 } as const;
/** Below the 15 s after which a client that gets no answer begins a handshake by itself (whitepaper, section 6.2). */
export const BEFORE_STOCK_MS = 12_000;

/** A network namespace behind the router, with its own folder for WireGuard's sockets. */
class Place {
  readonly address: { readonly 4: string; readonly 6: string };

  constructor(
    readonly name: string,
    readonly number: number,
  ) {
    this.address = { 4: `10.9.${number}.2`, 6: `fd09:${number}::2` };
  }

  async connect(): Promise<void> {
    const { name, number } = this;
    await fs.mkdir(`${ROOT}/${name}/sockets`, { recursive: true });
    await tool("ip", "netns", "add", name);
    await tool("ip", "link", "add", "name", name, "type", "veth", "peer", "name", "e0", "netns", name);
    const script = [
      `ip address add 10.9.${number}.1/24 dev ${name}`,
      `ip address add fd09:${number}::1/64 dev ${name} nodad`,
      `ip link set dev ${name} up`,
      `ip -n ${name} address add ${this.address[4]}/24 dev e0`,
      `ip -n ${name} address add ${this.address[6]}/64 dev e0 nodad`,
      `ip -n ${name} link set lo up`,
      `ip -n ${name} link set e0 up`,
      `ip -n ${name} route add default via 10.9.${number}.1`,
      `ip -n ${name} -6 route add default via fd09:${number}::1`,
    ];
    await tool("sh", "-ec", script.join("\n"));
    await this.hold();
  }

  /** A process that keeps the place's own mounts: WireGuard's sockets, and the namespaces that an agent makes. */
  private async hold(): Promise<void> {
    const folder = `${ROOT}/${this.name}`;
    await fs.mkdir(`${folder}/netns`, { recursive: true });
    const script = `mkdir -p /run/wireguard && mount --bind ${folder}/sockets /run/wireguard &&
      mount --bind ${folder}/netns /run/netns && echo ready && exec sleep 3600`;
    this.holder = runAgent("ip", ["netns", "exec", this.name, "sh", "-c", script], {});
    await until(`the mounts of ${this.name}`, async () => this.holder?.output().includes("ready"));
  }

  private holder: RunningAgent | undefined;

  /** A command as a process in this place would run it. */
  inside(...command: readonly string[]): [string, string[]] {
    return ["nsenter", ["--target", String(this.holder?.process.pid), "--net", "--mount", ...command]];
  }

  run(...command: readonly string[]): Promise<string> {
    const [file, args] = this.inside(...command);
    return tool(file, ...args);
  }

  async dump(name = "wg0"): Promise<Dump> {
    return parseDump(await this.run("wg", "show", name, "dump"));
  }
}

/** A server: its machine, and the agent on it. */
export class TestServer extends Place {
  agent: RunningAgent | undefined;
  private readonly config = `${ROOT}/${this.name}/agent.json`;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    name: string,
    number: number,
    private readonly bundle: string,
    private readonly settings: { readonly takeover?: boolean } = {},
  ) {
    super(name, number);
  }

  private env() {
    return { WGC_AGENT_CONFIG: this.config, WGC_INSTANCE_ID: `i-${this.name}` };
  }

  async boot(): Promise<void> {
    await this.connect();
    await fs.writeFile(this.config, JSON.stringify({ ...configOf(this.name), ...this.settings }));
    await this.networkUp();
    await this.startAgent();
  }

  /** What boot does, and what a machine that was started again does. */
  async networkUp(): Promise<void> {
    const agent = (command: string) =>
      this.run(
        "env",
        ...Object.entries(this.env()).map(([k, v]) => `${k}=${v}`),
        process.execPath,
        this.bundle,
        command,
      );
    await agent("init");
    await agent("network-up");
    await this.run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward; nft add table inet wgc");
  }

  async startAgent(): Promise<void> {
    const [file, args] = this.inside(process.execPath, this.bundle, "run");
    this.agent = runAgent(file, args, this.env());
    await until(
      `the agent of ${this.name}`,
      async () => (await this.health()).includes('"applied":{"ok":true}'),
      30_000,
    );
    this.check();
  }

  /** Health checks of the balancer, until they are stopped. */
  check(): void {
    this.uncheck();
    this.timer = setInterval(() => void this.health().catch(() => ""), 1000);
  }

  uncheck(): void {
    clearInterval(this.timer);
  }

  async health(): Promise<string> {
    return (
      await fetch(`http://${this.address[4]}:8080/healthz`, { signal: AbortSignal.timeout(2000) })
    ).text();
  }

  async metric(name: string): Promise<number> {
    return (await metric(8080, name, this.address[4])) ?? 0;
  }

  /** The agent goes at once, without a word. */
  async killAgent(): Promise<void> {
    this.agent?.process.kill("SIGKILL");
    await this.agent?.exited;
  }

  /** The machine is started again: interface, tables and connections are gone, the registry and its log are not. */
  async reboot(): Promise<void> {
    await this.killAgent();
    await this.run(
      "sh",
      "-c",
      "ip link del wg0; ip link del wg1 2>/dev/null; nft flush ruleset; conntrack -F 2>/dev/null || :",
    );
    await until(
      "the interface gone",
      async () => !(await fs.readdir(`${ROOT}/${this.name}/sockets`)).includes("wg0.sock"),
    );
    await this.networkUp();
    await this.startAgent();
  }

  async peer(client: TestClient): Promise<Peer | undefined> {
    return (await this.dump()).peers.find(({ publicKey }) => publicKey === client.publicKey);
  }

  /** Whether the kernel here has a session with the client. */
  async holds(client: TestClient): Promise<boolean> {
    return ((await this.peer(client))?.latestHandshake ?? 0) > 0;
  }

  /** The receiver indices that this server recorded for a client, in the order of its log. */
  async indices(client: TestClient): Promise<number[]> {
    const log = await fs.readFile(`${RUNTIME}/sessions/i-${this.name}.log`, "utf8").catch(() => "");
    return parseSessions(log).flatMap(({ publicKey, index }) =>
      publicKey === client.publicKey ? [index] : [],
    );
  }
}

/** A stock client. */
export class TestClient extends Place {
  keys = generateKeyPair();
  tunnelAddress = "";

  get publicKey(): string {
    return this.keys.publicKey;
  }

  /** Registers it, and configures its machine as its config file would. */
  async join(family: 4 | 6, more: { expiresAt?: string } = {}): Promise<void> {
    const file = await new LocalWriter(REGISTRY).add({
      name: this.name,
      publicKey: this.publicKey,
      ...more,
    });
    this.tunnelAddress = file.addresses[0]?.split("/")[0] ?? "";
    await this.connect();
    await fs.writeFile(`${ROOT}/${this.name}/key`, `${this.keys.privateKey}\n`, { mode: 0o600 });
    const server = (await fs.readFile(`${REGISTRY}/server/public.key`, "utf8")).trim();
    const endpoint = family === 4 ? `${BALANCER[4]}:${PORT}` : `[${BALANCER[6]}]:${PORT}`;
    const script = [
      "ip link add wg0 type wireguard 2>/dev/null || wireguard-go wg0 2>/dev/null",
      `until wg show wg0 >/dev/null 2>&1; do sleep 0.02; done`,
      `wg set wg0 listen-port 4500 private-key ${ROOT}/${this.name}/key peer ${server} endpoint ${endpoint} allowed-ips 10.100.0.0/16`,
      `ip address add ${this.tunnelAddress}/32 dev wg0`,
      "ip link set wg0 up mtu 1420",
      "ip route add 10.100.0.0/16 dev wg0",
    ];
    await this.run("sh", "-ec", script.join("\n"));
  }

  /** Sends through the tunnel until an answer comes. */
  answer(what: string, limitMs = BEFORE_STOCK_MS): Promise<boolean> {
    return until(`an answer to ${this.name}: ${what}`, () => this.ping(), limitMs);
  }

  /** One request through the tunnel. */
  ping(): Promise<boolean> {
    return this.run("ping", "-c1", "-W1", "-q", "10.100.0.1").then(
      () => true,
      () => false,
    );
  }

  /** Goes over to another key pair (and preshared key), without a session, as a device does that is given a new config file. */
  async use(keys: KeyPair, presharedKey?: string): Promise<void> {
    this.keys = keys;
    const folder = `${ROOT}/${this.name}`;
    await fs.writeFile(`${folder}/key`, `${keys.privateKey}\n`, { mode: 0o600 });
    await fs.writeFile(`${folder}/psk`, presharedKey === undefined ? "" : `${presharedKey}\n`, {
      mode: 0o600,
    });
    const script = `peer=$(wg show wg0 peers); endpoint=$(wg show wg0 endpoints | cut -f2)
      wg set wg0 private-key $0/key peer $peer remove
      wg set wg0 peer $peer preshared-key $0/psk endpoint $endpoint allowed-ips 10.100.0.0/16`;
    await this.run("sh", "-ec", script, folder);
  }

  /** Goes over to a server key at a port, without a session, as a device does that is given a new config file. */
  async follow(serverKey: string, port: number): Promise<void> {
    const script = `wg set wg0 peer $(wg show wg0 peers) remove
      wg set wg0 peer $0 endpoint $1 allowed-ips 10.100.0.0/16`;
    await this.run("sh", "-ec", script, serverKey, `${BALANCER[4]}:${port}`);
  }

  /** Starts a new handshake with a fresh session at once, as a client that is switched off and on does. */
  async reconnect(): Promise<void> {
    const script = `wg showconf wg0 >$0 && wg set wg0 peer $(wg show wg0 peers) remove && wg addconf wg0 $0`;
    await this.run("sh", "-ec", script, `${ROOT}/${this.name}/wg0.conf`);
  }
}

const CLUSTER: ClusterFile = {
  schema: 1,
  cluster: "wgc-test",
  endpoint: `${BALANCER[4]}:${PORT}`,
  tunnelIpv4: "10.100.0.0/16",
  dns: [],
  routes: [],
  mtu: 1420,
  persistentKeepalive: 0,
};

function configOf(name: string) {
  return {
    version: 1,
    cluster: CLUSTER.cluster,
    region: "us-east-1",
    interface: "wg0",
    listenPort: PORT,
    healthPort: 8080,
    mtu: 1420,
    tunnelIpv4: CLUSTER.tunnelIpv4,
    registryPath: REGISTRY,
    runtimePath: RUNTIME,
    statePath: `${ROOT}/${name}/state`,
    drainSeconds: 1,
    deregistrationDelaySeconds: 1,
    healthCheckSeconds: 5,
    takeover: true,
    addressing: "masquerade",
    topology: "active-active",
    mesh: { port: 51830 },
    monitoring: "none",
  };
}

/** Makes this namespace the router, and the balancer's addresses its own. */
export async function startRouter(): Promise<void> {
  await fs.mkdir("/run/netns", { recursive: true });
  await initRegistry(REGISTRY, CLUSTER);
  await fs.writeFile("/proc/sys/net/ipv4/ip_forward", "1");
  await fs.writeFile("/proc/sys/net/ipv6/conf/all/forwarding", "1");
  const counter = (name: string) => `add counter inet lb ${name}\n`;
  const counters = SERVERS.flatMap((server) => Object.keys(TYPES).map((type) => `from_${server}_${type}`));
  const rules = Object.entries(TYPES).flatMap(([type, byte]) => [
    ...SERVERS.map(
      (server) =>
        `add rule inet lb count iifname "${server}" udp sport ${PORT} @th,64,8 ${byte} counter name from_${server}_${type}`,
    ),
    `add rule inet lb count iifname != { ${SERVERS.map((name) => `"${name}"`).join(", ")} } udp dport ${PORT} @th,64,8 ${byte} counter name to_${type}`,
  ]);
  const script = `
add table inet lb
${[...counters, ...Object.keys(TYPES).map((type) => `to_${type}`)].map(counter).join("")}
add set inet lb watched { type ipv4_addr; flags interval; }
add counter inet lb to_watched
add map inet lb target4 { type ipv4_addr : ipv4_addr; }
add map inet lb target6 { type ipv6_addr : ipv6_addr; }
add chain inet lb nat { type nat hook prerouting priority dstnat; }
add rule inet lb nat ip daddr ${BALANCER[4]} udp dport { ${PORT}, ${PORT + 1} } dnat ip to ip saddr map @target4
add rule inet lb nat ip6 daddr ${BALANCER[6]} udp dport { ${PORT}, ${PORT + 1} } dnat ip6 to ip6 saddr map @target6
add chain inet lb count { type filter hook prerouting priority -400; }
add rule inet lb count ip daddr @watched udp sport ${PORT} counter name to_watched
${rules.join("\n")}
`;
  await tool(
    "sh",
    "-ec",
    `ip address add ${BALANCER[4]}/32 dev lo; ip address add ${BALANCER[6]}/128 dev lo nodad`,
  );
  const file = `${ROOT}/router.nft`;
  await fs.writeFile(file, script);
  await tool("nft", "-f", file);
}

/** Sends a client's packets to a server from now on, as a balancer does whose health checks say so. */
export async function route(client: Place, server: TestServer): Promise<void> {
  for (const family of [4, 6] as const) {
    const [from, to] = [client.address[family], server.address[family]];
    await tool("nft", "delete", "element", "inet", "lb", `target${family}`, `{ ${from} }`).catch(() => "");
    await tool("nft", "add", "element", "inet", "lb", `target${family}`, `{ ${from} : ${to} }`);
    await tool("conntrack", "-D", "-f", family === 4 ? "ipv4" : "ipv6", "-p", "udp", "-s", from).catch(
      () => "",
    );
  }
}

/** Packets so far through the router, by kind. */
export async function counted(): Promise<Record<string, number>> {
  const { nftables } = JSON.parse(await tool("nft", "-j", "list", "counters", "table", "inet", "lb"));
  const counters = (nftables as { counter?: { name: string; packets: number } }[]).flatMap(
    ({ counter }) => counter ?? [],
  );
  return Object.fromEntries(counters.map(({ name, packets }) => [name, packets]));
}

/** What a piece of a test made go through the router, by kind; only kinds that had packets. */
export async function traffic(work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await counted();
  await work();
  const after = await counted();
  const more = Object.entries(after).map(([name, packets]) => [name, packets - (before[name] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, packets]) => packets > 0));
}

/** Waits until a server has recorded a session with a client that is none of those before; returns its index. */
export async function recorded(
  server: TestServer,
  client: TestClient,
  before: readonly number[] = [],
): Promise<number> {
  return until(`a record of ${client.name} by ${server.name}`, async () =>
    (await server.indices(client)).find((index) => !before.includes(index)),
  );
}
