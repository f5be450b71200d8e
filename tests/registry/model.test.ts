import fc from "fast-check";
import { RegistryError } from "../../registry/errors";
import { initRegistry } from "../../registry/init";
import { changesSince, readAllClients, readChanges, readClients } from "../../registry/reader";
import type { ClientFile } from "../../registry/schema";
import { publicKeyOf } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { LocalWriter } from "./local-writer";
import { folders } from "./support";

const folder = folders();
const keys = Array.from({ length: 4 }, (_, i) => publicKeyOf(Buffer.alloc(32, i + 1).toString("base64")));
const names = ["alice", "bob", "carol"];

const action = fc.record({
  kind: fc.constantFrom("add", "add", "revoke", "restore", "remove", "other writer"),
  name: fc.constantFrom(...names),
  key: fc.nat({ max: keys.length - 1 }),
  read: fc.boolean(),
});
type Model = Map<string, { key: string; address: number; revoked: boolean }>;

/** What the registry should do, on a plain map; undefined means that it should refuse. */
function expected(model: Model, kind: string, name: string, key: string): Model | undefined {
  const next = new Map(model);
  const there = model.get(name);
  if (kind === "add") {
    if (there !== undefined) return there.key === key ? next : undefined;
    if ([...model.values()].some((client) => client.key === key)) return undefined;
    const taken = [...model.values()].map((client) => client.address);
    const address = [2, 3, 4].find((candidate) => !taken.includes(candidate));
    return address === undefined ? undefined : next.set(name, { key, address, revoked: false });
  }
  if (kind === "remove") next.delete(name);
  else if (there === undefined) return undefined;
  else next.set(name, { ...there, revoked: kind === "revoke" });
  return next;
}

const plain = (clients: Iterable<ClientFile>) =>
  [...clients]
    .map(
      (client) =>
        [
          client.name,
          {
            key: client.publicKey,
            address: Number(/\.(\d+)\//.exec(client.addresses[0] ?? "")?.[1]),
            revoked: client.revokedAt !== undefined,
          },
        ] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));

test("any history leaves what a plain map says, for a full reader and for one that follows the feed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 14 }), async (actions) => {
      const root = folder();
      await initRegistry(root, CLUSTER);
      let writer = new LocalWriter(root);
      let model: Model = new Map();
      const follower = new Map<string, ClientFile>();
      let revision = 0;
      for (const { kind, name, key, read } of actions) {
        if (kind === "other writer") {
          writer = new LocalWriter(root);
          continue;
        }
        const publicKey = keys[key] ?? "";
        const next = expected(model, kind, name, publicKey);
        const work =
          kind === "add"
            ? writer.add({ name, publicKey })
            : writer[kind as "revoke" | "restore" | "remove"](name);
        if (next === undefined) await expect(work).rejects.toBeInstanceOf(RegistryError);
        else await work;
        model = next ?? model;
        expect(plain(await readAllClients(root))).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
        if (!read) continue;
        const since = changesSince(await readChanges(root), revision);
        if (since.kind === "clients") {
          for (const changed of since.names) follower.delete(changed);
          for (const client of (await readClients(root, since.names)).clients)
            follower.set(client.name, client);
        }
        expect(since.kind).not.toBe("everything");
        revision = since.revision;
        expect(plain(follower.values())).toEqual(plain(await readAllClients(root)));
      }
    }),
    { numRuns: 40 },
  );
}, 60_000);
