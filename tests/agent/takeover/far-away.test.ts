import { key } from "../fixtures";
import { Kernel, Node, World } from "./world";

jest.mock("../../../agent/takeover/flow-watch", () => jest.requireActual("./flow-watch-stub"));

const FROM = "192.0.2.1:4500";
/** Index of the session that the client has with a server that died. */
const LOST = 10;
/** A client that has sent for so long without an answer begins a handshake, and another one every five seconds (whitepaper, section 6). */
const [CLIENT_BEGINS_MS, CLIENT_AGAIN_MS] = [15_000, 5200] as const;

/**
 * A client far away that sends all the time, and the server that its packets now reach. Of WireGuard's handshakes this has what decides
 * here: each side has one at a time, and a packet of another one is passed over.
 */
class FarAway {
  private readonly world = new World();
  private readonly kernel = new Kernel(this.world);
  private node: Node | undefined;
  /** The client's handshake, counted; the server's is the peer itself, which each call makes anew. */
  private handshake = 0;
  private issued = 1000;
  private began = 0;
  /** Milliseconds from the first stray until both sides had the session. */
  up: number | undefined;

  /** @param hears whether the server's calls reach the client */
  constructor(
    private readonly roundTrip: number,
    private readonly hears: boolean,
  ) {}

  async run(ms: number): Promise<this> {
    const { clock } = this.world;
    const node = await Node.start(this.world, this.kernel);
    this.node = node;
    this.world.record("i-dead", 2, LOST);
    await clock.advance(1100);
    this.began = clock.monotonic();
    this.watchCalls(this.peer);
    this.stray();
    clock.after(CLIENT_BEGINS_MS, () => this.clientBegins());
    await clock.advance(ms);
    await node.takeover.stop();
    return this;
  }

  private get peer() {
    return this.kernel.peer(2);
  }

  /** After so many one-way trips. */
  private later(trips: number, then: () => void): void {
    this.world.clock.after((trips * this.roundTrip) / 2, then);
  }

  private stray(): void {
    if (this.up !== undefined) return;
    this.node?.flow("stray", LOST, FROM);
    this.world.clock.after(2001, () => this.stray());
  }

  private watchCalls(last: Kernel["peers"] extends Map<string, infer P> ? P : never): void {
    const { peer } = this;
    if (peer !== last && peer.endpoint !== undefined) {
      this.node?.flow("own", this.issued++, FROM);
      if (this.hears) this.later(1, () => this.handshake++);
      if (this.hears) this.later(2, () => this.complete(peer));
    }
    this.world.clock.after(1, () => this.watchCalls(peer));
  }

  private clientBegins(): void {
    if (this.up !== undefined) return;
    const own = ++this.handshake;
    this.later(1, () => {
      const { peer } = this;
      peer.endpoint = FROM;
      this.node?.flow("own", this.issued++, FROM);
      this.later(1, () => {
        if (this.handshake === own) this.later(1, () => this.complete(peer));
      });
    });
    this.world.clock.after(CLIENT_AGAIN_MS, () => this.clientBegins());
  }

  /** The last packet of a handshake reaches the server, unless it has begun another one, or forgotten the client. */
  private complete(peer: unknown): void {
    if (this.peer !== peer) return;
    this.kernel.handshake(2, FROM);
    this.up ??= this.world.clock.monotonic() - this.began;
  }

  get holder(): string | undefined {
    return this.node?.takeover.directory.newest(key(2))?.instance;
  }
}

test.each([50, 300, 650])("a client %d ms away has its session after one round trip", async (roundTrip) => {
  const client = await new FarAway(roundTrip, true).run(10_000);
  expect(client.up).toBeLessThan(roundTrip + 50);
  expect(client.holder).toBe("i-self");
});

// 0.6 s is a geostationary satellite, more a congested mobile network; each call voids the one before, so the last one counts.
test.each([720, 800, 1000, 1500, 2000, 4000])(
  "a client %d ms away answers the last call, which waits for it",
  async (roundTrip) => {
    const client = await new FarAway(roundTrip, true).run(10_000);
    expect(client.up).toBeLessThan(1400 + roundTrip + 50);
    expect(client.holder).toBe("i-self");
  },
);

test.each([50, 1000, 2000])(
  "a client %d ms away that no call reaches has its session by its own timers, not later",
  async (roundTrip) => {
    const client = await new FarAway(roundTrip, false).run(40_000);
    expect(client.up).toBeLessThan(CLIENT_BEGINS_MS + CLIENT_AGAIN_MS + 1.5 * roundTrip + 50);
    expect(client.holder).toBe("i-self");
  },
);
