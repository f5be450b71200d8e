import type { Device } from "../../../agent/device";
import type { Exec } from "../../../agent/exec";
import { Mutex } from "../../../agent/mutex";
import type { StorageClient } from "../../../agent/storage-client";
import { type FlowEvent, LANES, type Zone } from "../../../agent/takeover/flow-events";
import type { FlowListener } from "../../../agent/takeover/flow-watch";
import type { LeftClient } from "../../../agent/takeover/hand-over";
import { Takeover } from "../../../agent/takeover/takeover";
import type { SessionRecord } from "../../../registry/sessions";
import type { WgCommand } from "../../../wireguard/commands";
import type { PeerSpec } from "../../../wireguard/diff";
import type { Peer } from "../../../wireguard/dump";
import { FakeClock } from "../fake-clock";
import { CONFIG, key, silent } from "../fixtures";
import { listeners } from "./flow-watch-stub";

type MutablePeer = { -readonly [K in keyof Peer]: Peer[K] };

/** What all servers share: the session logs, as text would be, and one time. */
export class World {
  readonly clock = new FakeClock();
  readonly logs = new Map<string, SessionRecord[]>();
  readonly desired = new Map<string, PeerSpec>();
  /** Why the storage fails, for all servers. */
  storageFails: string | undefined;

  constructor(clients = 3) {
    for (let byte = 2; byte < 2 + clients; byte++)
      this.desired.set(key(byte), {
        publicKey: key(byte),
        presharedKey: undefined,
        allowedIps: [`10.100.0.${byte}/32`],
      });
  }

  /** A record that a server outside of this test wrote; `ms` from now. */
  record(instance: string, byte: number, index: number, ms = 0): void {
    const log = this.logs.get(instance) ?? [];
    log.push({ publicKey: key(byte), index, at: this.clock.now() + ms });
    this.logs.set(instance, log);
  }

  storage(): Pick<StorageClient, "request"> {
    const seen = new Map<string, number>();
    const request = async (
      operation: string,
      { instance = "", records = [] }: { instance?: string; records?: readonly SessionRecord[] },
    ) => {
      if (this.storageFails !== undefined) throw new Error(this.storageFails);
      if (operation === "pollSessions") {
        const news = [...this.logs].flatMap(([from, log]) => {
          const fresh = log.slice(seen.get(from) ?? 0);
          seen.set(from, log.length);
          return fresh.length === 0 ? [] : [{ instance: from, records: fresh }];
        });
        return { news };
      }
      const log = operation === "rewriteSessions" ? [] : (this.logs.get(instance) ?? []);
      this.logs.set(instance, [...log, ...records]);
      return null;
    };
    return { request } as unknown as Pick<StorageClient, "request">;
  }
}

/** A server's kernel: the peers, and what the tools did. It stays when the agent is started again. */
export class Kernel {
  readonly peers = new Map<string, MutablePeer>();
  readonly nft: string[] = [];
  /** Each change of a peer, in order: `2 called 192.0.2.1:4500`, `2 forgotten`, `2 keepalive 0`. */
  readonly done: string[] = [];
  tableLoaded = true;
  issued: { endpoint: [string, number]; wire: number; expires: number }[] = [];
  nftFails: string | undefined;
  /** Why WireGuard's tools fail, and how long a change of peers takes. */
  wgFails: string | undefined;
  applyMs = 0;
  dumpMs = 0;
  dumps = 0;
  nftMs = 0;
  lists = 0;

  constructor(private readonly world: World) {
    for (const publicKey of world.desired.keys()) this.renew(publicKey);
  }

  /** The kernel calls a handshake complete: now, or so many milliseconds ago. */
  handshake(byte: number, endpoint: string, agoMs = 0): void {
    const peer = this.peer(byte);
    peer.endpoint = endpoint;
    peer.latestHandshake = Math.floor((this.world.clock.now() - agoMs) / 1000);
  }

  peer(byte: number): MutablePeer {
    const peer = this.peers.get(key(byte));
    if (peer === undefined) throw new Error(`no peer ${byte}`);
    return peer;
  }

  readonly device: Device = {
    observe: () => Promise.reject(new Error("not asked here")),
    dump: async () => {
      this.dumps++;
      const peers = [...this.peers.values()].map((peer) => ({ ...peer }));
      if (this.dumpMs > 0) await new Promise<void>((resolve) => this.world.clock.after(this.dumpMs, resolve));
      return { interface: { publicKey: key(1), listenPort: 51820, fwmark: undefined }, peers };
    },
    apply: async (commands) => {
      if (this.wgFails !== undefined) throw new Error(this.wgFails);
      if (this.applyMs > 0)
        await new Promise<void>((resolve) => this.world.clock.after(this.applyMs, resolve));
      for (const command of commands) this.applyOne(command);
    },
  };

  readonly exec: Exec = async (_, args, { stdin }) => {
    if (this.nftFails !== undefined) throw new Error(this.nftFails);
    if (args.includes("table") && args.includes("list"))
      return this.tableLoaded ? "chain sort_in { udp dport 51820 jump stray }\n" : "chain sort_in { }\n";
    if (args[0] === "-j") {
      this.lists++;
      if (this.nftMs > 0) await new Promise<void>((resolve) => this.world.clock.after(this.nftMs, resolve));
      const elem = args.at(-1) === "issued4" ? this.issued : [];
      const all = elem.map(({ endpoint, wire, expires }) => ({
        elem: { val: { concat: [...endpoint, wire] }, expires },
      }));
      return JSON.stringify({ nftables: [{ metainfo: {} }, { set: { name: "issued4", elem: all } }] });
    }
    this.nft.push(stdin ?? args.join(" "));
    if (args[0] === "-f") this.tableLoaded = true;
    return "";
  };

  private applyOne({ args, stdin }: WgCommand): void {
    for (const [i, word] of args.entries()) {
      if (word === "remove") this.peers.delete(args[i - 1] ?? "");
      if (word !== "persistent-keepalive") continue;
      const byte = Buffer.from(args[i - 1] ?? "", "base64")[0] ?? 0;
      this.peer(byte).persistentKeepalive = Number(args[i + 1]);
      this.done.push(`${byte} keepalive ${args[i + 1]}`);
    }
    for (const section of stdin?.split("[Peer]").slice(1) ?? []) {
      const field = (name: string) => new RegExp(`^${name} = (.*)$`, "m").exec(section)?.[1];
      const peer = this.renew(field("PublicKey") ?? "");
      peer.endpoint = field("Endpoint");
      peer.persistentKeepalive = Number(field("PersistentKeepalive") ?? 0);
      const byte = Buffer.from(peer.publicKey, "base64")[0];
      this.done.push(peer.endpoint === undefined ? `${byte} forgotten` : `${byte} called ${peer.endpoint}`);
    }
  }

  private renew(publicKey: string): MutablePeer {
    const peer: MutablePeer = {
      publicKey,
      presharedKey: undefined,
      allowedIps: this.world.desired.get(publicKey)?.allowedIps ?? [],
      endpoint: undefined,
      latestHandshake: 0,
      rxBytes: 0,
      txBytes: 0,
      persistentKeepalive: 0,
    };
    this.peers.set(publicKey, peer);
    return peer;
  }
}

/** An agent's takeover on a kernel; the test file puts flow-watch-stub.ts in the place of the real one. */
export class Node {
  readonly takeover: Takeover;
  /** What it told the other servers, and whose newest session it said to be another one. */
  readonly announced: [string, readonly SessionRecord[]][] = [];
  readonly moved: string[] = [];
  /** Clients that it asked others to call, and whether there are any. */
  readonly handedOver: [string, readonly LeftClient[], number][] = [];
  othersLive = true;
  private readonly listener: FlowListener;

  constructor(
    readonly world: World,
    readonly kernel: Kernel,
    instance = "i-self",
  ) {
    this.takeover = new Takeover({
      config: CONFIG,
      instance,
      interface: "wg0",
      lane: { ...LANES.current, port: 51820 },
      clock: world.clock,
      log: silent,
      storage: world.storage(),
      device: kernel.device,
      exec: kernel.exec,
      lock: new Mutex(),
      desired: (publicKey) => world.desired.get(publicKey),
      ready: () => this.ready,
      draining: () => this.draining,
      touch: () => this.touches++,
      announce: (holder, records) => this.announced.push([holder, records]),
      handOver: (...request) => {
        this.handedOver.push(request);
        return this.othersLive;
      },
      onHolders: (publicKeys) => this.moved.push(...publicKeys),
    });
    const listener = listeners.at(-1);
    if (listener === undefined) throw new Error("there is no flow watch");
    this.listener = listener;
  }

  /** Whether no health check reaches it. */
  cut = false;
  ready = true;
  draining = false;
  touches = 0;

  static async start(world = new World(), kernel = new Kernel(world)): Promise<Node> {
    const node = new Node(world, kernel);
    await node.takeover.start();
    node.gap();
    node.checked();
    await world.clock.advance(0);
    return node;
  }

  private checked(): void {
    if (!this.cut) this.takeover.heard();
    this.world.clock.after(5000, () => this.checked());
  }

  flow(zone: Zone, index: number, endpoint: string): void {
    const event: FlowEvent = { endpoint, index };
    this.listener.onFlow(zone, event);
  }

  gap(zone: Zone = "own"): void {
    this.listener.onGap(zone);
  }
}
