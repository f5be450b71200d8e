import { promises as fs } from "node:fs";
import { initRegistry } from "../../registry/init";
import { registryPaths } from "../../registry/layout";
import { readChanges, readClient } from "../../registry/reader";
import { Session } from "../../registry/session";
import { addClient } from "../../registry/writer";
import { generateKeyPair } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { folders } from "./support";

jest.setTimeout(60_000);
const folder = folders();

/** A writer's session whose lock is lost as soon as a client's change has been recorded in the log. */
async function losing(root: string): Promise<{ session: Session; recorded: () => Promise<string> }> {
  const paths = registryPaths(root);
  const recorded = () => fs.readFile(paths.audit, "utf8");
  const before = await recorded();
  const lock = {
    assertHeld: async () => {
      if ((await recorded()) !== before) throw new Error("the lock is lost");
    },
    release: async () => {},
  };
  const feed = await readChanges(root);
  const end = { sequence: 1, hash: "", size: 0, ...feed.audit, open: false };
  return { session: new Session(root, paths, lock, new Date(), feed, end, undefined), recorded };
}

test.each(["update", "remove", "add"])(
  "a writer that loses its lock after the log's entry writes neither claims nor the client's file: %s",
  async (operation) => {
    const root = folder();
    await initRegistry(root, CLUSTER);
    const alice = await addClient(root, { name: "alice", publicKey: generateKeyPair().publicKey });
    const { session, recorded } = await losing(root);
    const bob = {
      ...alice,
      name: "bob",
      publicKey: generateKeyPair().publicKey,
      addresses: ["10.100.0.9/32"],
    };
    const step = {
      update: { name: "alice", before: alice, after: { ...alice, tags: { a: "b" } } },
      remove: { name: "alice", before: alice, after: undefined },
      add: { name: "bob", before: undefined, after: bob },
    }[operation];
    if (step === undefined) throw new Error(operation);
    const files = async () => [
      await readClient(root, "alice"),
      ...(await fs.readdir(registryPaths(root).keys)),
    ];
    const before = await files();
    const written = session.commit(operation, { who: "test" }, { answer: () => undefined, steps: [step] });
    await expect(written).rejects.toThrow("the lock is lost");
    expect(await recorded()).toContain(`"operation":"${operation}"`);
    expect([await files(), await readClient(root, "bob")]).toEqual([before, undefined]);
  },
);
