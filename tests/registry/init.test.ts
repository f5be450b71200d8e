import { promises as fs } from "node:fs";
import { dirname, join } from "node:path";
import { RegistryError } from "../../registry/errors";
import { initRegistry } from "../../registry/init";
import { inspectServerKeys, readServerKeys } from "../../registry/reader";
import { addClient } from "../../registry/writer";
import { generateKeyPair, publicKeyOf } from "../../wireguard/keys";
import { CLUSTER } from "./cluster";
import { folders } from "./support";

// A disk that others use too may take its time to sync.
jest.setTimeout(60_000);
const folder = folders();

async function registry(): Promise<string> {
  const root = folder();
  await initRegistry(root, CLUSTER);
  return root;
}
const newKey = () => generateKeyPair().publicKey;
const mode = async (path: string) => (await fs.stat(path)).mode & 0o777;

test("init makes exactly the documented files, keeps the key secret and is safe to repeat", async () => {
  const root = folder();
  const first = await initRegistry(root, CLUSTER);
  expect((await fs.readdir(root, { recursive: true })).sort()).toEqual(
    [
      "addresses",
      "changes.json",
      "clients",
      "cluster.json",
      "keys",
      "requests",
      "server",
      "server/private.key",
      "server/public.key",
    ].sort(),
  );
  expect(first.created).toBe(true);
  expect(await initRegistry(root, CLUSTER)).toEqual({ publicKey: first.publicKey, created: false });
  const privateKey = (await fs.readFile(join(root, "server/private.key"), "utf8")).trim();
  expect(publicKeyOf(privateKey)).toBe(first.publicKey);
  expect(await mode(join(root, "server/private.key"))).toBe(0o600);
  expect(await mode(join(root, "server"))).toBe(0o700);
  expect(JSON.parse(await fs.readFile(join(root, "cluster.json"), "utf8"))).toEqual(CLUSTER);
});

test("init refuses another cluster's folder and another tunnel range, and changes nothing", async () => {
  const root = await registry();
  await expect(initRegistry(root, { ...CLUSTER, cluster: "other" })).rejects.toThrow(
    "cluster is wgc-test, this server is configured with other",
  );
  await expect(initRegistry(root, { ...CLUSTER, tunnelIpv4: "10.9.0.0/16" })).rejects.toThrow(
    "tunnelIpv4 is 10.100.0.0/16",
  );
  expect(await initRegistry(root, { ...CLUSTER, endpoint: "new.example.org:51820" })).toMatchObject({
    created: false,
  });
});

test("a public key that a crash left out is made again; one that does not belong to the private key is refused", async () => {
  const root = await registry();
  const { publicKey } = await readServerKeys(root);
  const path = join(root, "server/public.key");
  await fs.rm(path);
  expect(await initRegistry(root, CLUSTER)).toEqual({ publicKey, created: false });
  expect(await fs.readFile(path, "utf8")).toBe(`${publicKey}\n`);
  for (const wrong of ["", `${newKey()}\n`]) {
    await fs.writeFile(path, wrong);
    expect((await readServerKeys(root)).publicKey).toBe(publicKey); // derived, so a wrong file misleads nobody
    await expect(initRegistry(root, CLUSTER)).rejects.toThrow(
      `private.key, whose public key is ${publicKey}`,
    );
    expect(await fs.readFile(path, "utf8")).toBe(wrong);
  }
});

const rest = [
  "server/public.key",
  "changes.json",
  "audit.log",
  "cluster.json",
  "clients/alice.json",
  "addresses/10.100.0.2",
];

test.each(rest)(
  "a registry whose private key is lost never gets another one, even when only %s is left",
  async (left) => {
    const root = await registry();
    await addClient(root, { name: "alice", publicKey: newKey() });
    for (const path of ["server/private.key", "keys", ...rest])
      if (path !== left) await fs.rm(join(root, path), { recursive: true });
    const refused = initRegistry(root, CLUSTER);
    await expect(refused).rejects.toBeInstanceOf(RegistryError);
    await expect(refused).rejects.toThrow(
      new RegExp(
        `private\\.key: is missing, but this registry was initialised \\(.*${left} exists\\).*restore it`,
      ),
    );
    await expect(fs.access(join(root, "server/private.key"))).rejects.toThrow("ENOENT");
  },
);

test("a private key that is put back is the key again", async () => {
  const root = await registry();
  const path = join(root, "server/private.key");
  const { publicKey } = await readServerKeys(root);
  const copy = await fs.readFile(path, "utf8");
  await fs.rm(path);
  await expect(initRegistry(root, CLUSTER)).rejects.toThrow("restore it");
  await fs.writeFile(path, copy);
  expect(await initRegistry(root, CLUSTER)).toEqual({ publicKey, created: false });
});

test("what dead writers leave in a new folder is no trace of an earlier key", async () => {
  const root = folder();
  for (const path of ["server/.private.key.1.ab", "clients/.alice.json.1.ab"]) {
    await fs.mkdir(dirname(join(root, path)), { recursive: true });
    await fs.writeFile(join(root, path), "");
  }
  expect((await initRegistry(root, CLUSTER)).created).toBe(true);
});

test("a damaged key pair is told, with the public key as far as it can still be known", async () => {
  const root = await registry();
  const { publicKey } = await readServerKeys(root);
  const [privatePath, publicPath] = [join(root, "server/private.key"), join(root, "server/public.key")];
  expect(await inspectServerKeys(root)).toEqual({ publicKey, problem: undefined });
  await fs.writeFile(publicPath, `${newKey()}\n`);
  expect(await inspectServerKeys(root)).toEqual({
    publicKey,
    problem: expect.stringContaining("public.key: does not belong to"),
  });
  await fs.writeFile(publicPath, `${publicKey}\n`);
  await fs.writeFile(privatePath, "cut off");
  expect(await inspectServerKeys(root)).toEqual({
    publicKey,
    problem: expect.stringMatching(/private\.key: is not a private key.*restore it/),
  });
  await fs.rm(privatePath);
  expect(await inspectServerKeys(root)).toEqual({
    publicKey,
    problem: expect.stringMatching(/private\.key: does not exist.*restore it/),
  });
  await fs.rm(publicPath);
  expect((await inspectServerKeys(root)).publicKey).toBeUndefined();
});

test("a server that knows the key makes no other one in an empty registry, and takes no other one over", async () => {
  const root = await registry();
  const { publicKey } = await readServerKeys(root);
  expect(await initRegistry(root, CLUSTER, publicKey)).toEqual({ publicKey, created: false });
  await expect(initRegistry(root, CLUSTER, newKey())).rejects.toThrow(
    `is the key of ${publicKey}, this server has the key of`,
  );
  const empty = join(root, "empty");
  await fs.mkdir(empty);
  await expect(initRegistry(empty, CLUSTER, publicKey)).rejects.toThrow(
    "is missing, but this server has the cluster's key",
  );
  expect(await fs.readdir(empty)).toEqual([]);
});
