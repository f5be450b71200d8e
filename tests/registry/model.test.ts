import { promises as fs } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { verifyAudit } from "../../registry/audit";
import { checkRegistry } from "../../registry/check";
import { confirm } from "../../registry/confirmed";
import { RegistryError } from "../../registry/errors";
import { initRegistry } from "../../registry/init";
import { runtimeOf } from "../../registry/layout";
import { changesSince, readAllClients, readChanges, readClients } from "../../registry/reader";
import type { ClientFile } from "../../registry/schema";
import { RegistryWriter } from "../../registry/writer";
import { CLUSTER } from "./cluster";
import { run } from "./faults/disk";
import { bury, hearServer, key, OPTIONS } from "./faults/world";
import { folders } from "./support";

const folder = folders();
const WHO = { who: "test" };
const START = Date.parse("2026-06-01T00:00:00Z");
const HOUR = 3_600_000;

interface ModelClient {
  readonly key: number;
  readonly former?: { readonly key: number; readonly until: number };
  readonly revoked: boolean;
  readonly tag?: string;
}
interface Model {
  readonly clients: ReadonlyMap<string, ModelClient>;
  /** Keys that a server has marked as used. */
  readonly confirmed: ReadonlySet<number>;
}

const name = fc.constantFrom("alice", "bob", "carol", "dave");
const someKey = fc.integer({ min: 1, max: 6 });
const action = fc.record({
  kind: fc.constantFrom(
    "add",
    "add",
    "import",
    "rotate",
    "rotate",
    "confirm",
    "update",
    "revoke",
    "restore",
    "remove",
    "clock",
    "repair",
  ),
  name,
  key: someKey,
  other: someKey,
  hours: fc.integer({ min: -3, max: 5 }),
  /** The writer is killed at this step, if it gets there. */
  crash: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 3, nil: undefined }),
  read: fc.boolean(),
});
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

const owned = (client: ModelClient): number[] => [
  client.key,
  ...(client.former === undefined ? [] : [client.former.key]),
];

function settle(client: ModelClient, { confirmed }: Model, now: number): ModelClient {
  const { former, ...rest } = client;
  return former !== undefined && (former.until <= now || confirmed.has(client.key)) ? rest : client;
}

/** What the registry should do, on a plain map; undefined means that it should refuse. */
function expected(model: Model, act: Action, now: number): Model | undefined {
  const clients = new Map(model.clients);
  const done = (confirmed = model.confirmed): Model => ({ clients, confirmed });
  const there = clients.get(act.name);
  const taken = (wanted: number): boolean =>
    [...clients].some(([who, client]) => who !== act.name && owned(client).includes(wanted));
  switch (act.kind) {
    case "add":
      if (there !== undefined) return there.key === act.key ? model : undefined;
      if (taken(act.key)) return undefined;
      clients.set(act.name, { key: act.key, revoked: false });
      return done();
    case "import":
      // Never refused as a whole; the second entry takes the first one's key or another one.
      if (there === undefined && !taken(act.key)) clients.set(act.name, { key: act.key, revoked: true });
      if (!clients.has("zoe") && ![...clients.values()].some((client) => owned(client).includes(act.other)))
        clients.set("zoe", { key: act.other, revoked: false });
      return done();
    case "remove":
      clients.delete(act.name);
      return done();
    default:
  }
  if (there === undefined) return undefined;
  const client = settle(there, model, now);
  if (act.kind === "revoke") clients.set(act.name, { ...client, revoked: true });
  if (act.kind === "restore") clients.set(act.name, { ...client, revoked: false });
  if (act.kind === "update") clients.set(act.name, { ...client, tag: `${act.key}` });
  if (act.kind !== "rotate") return done();
  if (act.key === client.key) {
    clients.set(act.name, client);
    return done();
  }
  if (taken(act.key)) return undefined;
  const { former, ...rest } = client;
  const working = former?.key ?? client.key;
  const until = { key: working, until: now + 2 * HOUR };
  clients.set(act.name, { ...rest, key: act.key, ...(working === act.key ? {} : { former: until }) });
  return done(new Set([...model.confirmed].filter((marked) => marked !== act.key)));
}

const numbers = new Map(Array.from({ length: 6 }, (_, index) => [key(index + 1), index + 1]));
function plain(clients: Iterable<ClientFile>): [string, ModelClient][] {
  return [...clients]
    .map((client): [string, ModelClient] => {
      const { previous } = client;
      const tag = client.tags["t"];
      return [
        client.name,
        {
          key: numbers.get(client.publicKey) ?? 0,
          ...(previous && {
            former: { key: numbers.get(previous.publicKey) ?? 0, until: Date.parse(previous.until) },
          }),
          revoked: client.revokedAt !== undefined,
          ...(tag === undefined ? {} : { tag }),
        },
      ];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
const sorted = (model: Model) => [...model.clients].sort(([a], [b]) => (a < b ? -1 : 1));

class History {
  model: Model = { clients: new Map(), confirmed: new Set() };
  private now = START;
  private readonly addresses = new Map<string, string>();
  private readonly follower = new Map<string, ClientFile>();
  private revision = 0;

  constructor(private readonly root: string) {}

  private writer(): RegistryWriter {
    return new RegistryWriter(this.root, { ...OPTIONS, now: () => new Date(this.now) });
  }

  private work(act: Action): Promise<unknown> {
    const writer = this.writer();
    const [publicKey, tags] = [key(act.key), { t: `${act.key}` }];
    switch (act.kind) {
      case "add":
        return writer.add({ name: act.name, publicKey }, WHO);
      case "import": {
        const first = { name: act.name, publicKey, addresses: ["10.100.0.3/32"], revoked: true };
        const second = { name: "zoe", publicKey: key(act.other), addresses: ["10.100.0.3/32"] };
        return writer.importClients([first, second], { dryRun: false }, WHO);
      }
      case "rotate":
        return writer.rotate(act.name, { publicKey, overlapSeconds: 7200 }, WHO);
      case "update":
        return writer.update(act.name, { tags }, WHO);
      default:
        return writer[act.kind as "revoke" | "restore" | "remove"](act.name, WHO);
    }
  }

  async step(act: Action): Promise<void> {
    if (act.kind === "clock") this.now += act.hours * HOUR;
    else if (act.kind === "confirm") await this.confirm(act.name);
    else if (act.kind === "repair") await this.repair();
    else await this.change(act);
    await this.check(act.read);
  }

  private async confirm(who: string): Promise<void> {
    const client = this.model.clients.get(who);
    if (client?.former === undefined) return;
    await confirm(runtimeOf(this.root), key(client.key));
    this.model = { ...this.model, confirmed: new Set([...this.model.confirmed, client.key]) };
  }

  private async repair(): Promise<void> {
    const options = { ...OPTIONS, temporaryMs: 0, now: () => new Date(this.now) };
    await checkRegistry(this.root, runtimeOf(this.root), { ...options, repair: true });
    const { findings } = await checkRegistry(this.root, runtimeOf(this.root), { ...options, repair: false });
    expect(findings).toEqual([]);
    const { model } = this;
    const clients = new Map(
      [...model.clients].map(([who, client]) => [who, settle(client, model, this.now)]),
    );
    const waiting = [...clients.values()].flatMap((client) => (client.former ? [client.key] : []));
    this.model = { clients, confirmed: new Set([...model.confirmed].filter((one) => waiting.includes(one))) };
  }

  private async change(act: Action): Promise<void> {
    const next = expected(this.model, act, this.now);
    const { outcome } = await run(
      () => this.work(act),
      act.crash === undefined ? undefined : "kill",
      act.crash,
    );
    if (outcome !== undefined) {
      if (next === undefined) expect(outcome.error).toBeInstanceOf(RegistryError);
      else if (outcome.error !== undefined) throw outcome.error;
      this.model = next ?? this.model;
      return;
    }
    await bury(this.root);
    await run(() => this.writer().setCluster(CLUSTER, WHO)); // any writer mends
    const seen = plain(await readAllClients(this.root));
    const reached = this.between(next).find((one) => isDeepStrictEqual(sorted(one), seen));
    if (reached !== undefined) this.model = reached;
    else if (act.kind === "rotate" && next !== undefined) {
      // The mark of the new key goes before the client's file is written.
      this.model = { ...this.model, confirmed: next.confirmed };
    }
  }

  /** What an interrupted change may have come to: all of it; of an import also some of its clients. */
  private between(next: Model | undefined): Model[] {
    if (next === undefined) return [];
    const fresh = [...next.clients.keys()].filter((who) => !this.model.clients.has(who));
    const without = fresh.map((left) => ({
      ...next,
      clients: new Map([...next.clients].filter(([who]) => who !== left)),
    }));
    return [next, ...(fresh.length > 1 ? without : [])];
  }

  private async check(read: boolean): Promise<void> {
    const clients = await readAllClients(this.root); // throws when a key or an address is there twice
    expect(plain(clients)).toEqual(sorted(this.model));
    for (const who of [...this.addresses.keys()])
      if (!this.model.clients.has(who)) this.addresses.delete(who);
    for (const { name: who, addresses } of clients) {
      const [address = ""] = addresses;
      expect([who, this.addresses.get(who) ?? address]).toEqual([who, address]);
      this.addresses.set(who, address);
    }
    const files = async (part: string): Promise<string[]> =>
      (await fs.readdir(join(this.root, part))).filter((file) => !file.startsWith("."));
    expect(await files("addresses")).toHaveLength(clients.length);
    expect(await files("keys")).toHaveLength([...this.model.clients.values()].flatMap(owned).length);
    expect(await verifyAudit(this.root)).toMatchObject({ intact: true });
    if (read) await this.follow();
  }

  /** A reader that follows the feed knows the same as one that reads everything. */
  private async follow(): Promise<void> {
    const since = changesSince(await readChanges(this.root), this.revision);
    expect(since.kind).not.toBe("everything");
    if (since.kind === "clients") {
      for (const changed of since.names) this.follower.delete(changed);
      for (const client of (await readClients(this.root, since.names)).clients)
        this.follower.set(client.name, client);
    }
    this.revision = since.revision;
    expect(plain(this.follower.values())).toEqual(sorted(this.model));
  }
}

test("any history leaves what a plain map says, whatever writer is killed in it, for each kind of reader", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 25 }), async (actions) => {
      const root = folder();
      const { outcome } = await run(async () => {
        await initRegistry(root, CLUSTER);
        await hearServer(root, 0);
      });
      if (outcome?.error !== undefined) throw outcome.error;
      const history = new History(root);
      for (const act of actions) await history.step(act);
    }),
    { numRuns: Number(process.env["WGC_TEST_RUNS"] ?? 60) },
  );
}, 240_000);
