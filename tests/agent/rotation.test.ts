import { promises as fs, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalCopy } from "../../agent/local-copy";
import { ClientRoutes } from "../../agent/rotation/client-routes";
import { decideRotation } from "../../agent/rotation/decide";
import { renderPortExchange } from "../../agent/rotation/next-network";
import { readIdentity, ServerKeyReader } from "../../agent/rotation/server-key-files";
import { Whereabouts } from "../../agent/rotation/whereabouts";
import { registryPaths } from "../../registry/layout";
import { generateKeyPair } from "../../wireguard/keys";
import { NFT, runTool, testWith } from "../support/tool";
import { device, key } from "./fixtures";

const folder = mkdtempSync(join(tmpdir(), "wgc-rotation-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what a server does about the server key", () => {
  const [current, next, other] = [key(1), key(2), key(3)];
  const known = { publicKey: next, port: 51821 };
  const registry = (publicKey: string, phase?: "rotating" | "finishing" | "aborting", named = next) => ({
    publicKey,
    port: 51820,
    next: phase === undefined ? undefined : { publicKey: named, port: 51821, phase },
    former: [] as readonly string[],
  });
  const replaced = (...former: string[]) => ({ ...registry(other), former });

  test.each([
    ["nothing while nothing goes on", undefined, registry(current), { kind: "none" }],
    ["serves the next one", undefined, registry(current, "rotating"), { kind: "begin", next: known }],
    ["goes on serving it", known, registry(current, "rotating"), { kind: "none" }],
    ["goes over when it is decided", known, registry(current, "finishing"), { kind: "finish", next: known }],
    ["goes over when it is done", known, registry(next), { kind: "finish", next: known }],
    ["goes over when it is nearly done", known, registry(next, "finishing"), { kind: "finish", next: known }],
    ["lets it go", known, registry(current, "aborting"), { kind: "abort" }],
    ["lets it go afterwards", known, registry(current), { kind: "abort" }],
    ["lets another next one go first", known, registry(current, "rotating", other), { kind: "abort" }],
    ["hears of it when it is being given up", undefined, registry(current, "aborting"), { kind: "none" }],
    [
      "fetches it when it is being finished",
      undefined,
      registry(current, "finishing"),
      { kind: "begin", next: known },
    ],
    ["refuses a key it never heard of", undefined, registry(other), { kind: "foreign" }],
    ["refuses one that is not the next one", known, registry(other), { kind: "foreign" }],
    ["knows that it was left behind", undefined, replaced(current), { kind: "left" }],
    ["knows it with a next one that was given up", known, replaced(current), { kind: "left" }],
    ["knows it after several rotations", known, replaced(key(7), current, next), { kind: "left" }],
    [
      "still goes over to the next one it has",
      known,
      { ...registry(next), former: [current] },
      { kind: "finish", next: known },
    ],
    ["is told nothing by other servers' former keys", undefined, replaced(next), { kind: "foreign" }],
    ["has a key that came back", undefined, { ...registry(current), former: [current] }, { kind: "none" }],
  ] as const)("%s", (_, has, state, step) => {
    expect(decideRotation(current, has, state)).toEqual(step);
  });
});

describe("this server's own copy", () => {
  const keys = generateKeyPair();
  const next = generateKeyPair();

  test("the next key becomes the present one in one step, and its port follows from it", async () => {
    const local = new LocalCopy(join(folder, "copy"));
    await fs.mkdir(join(folder, "copy"));
    await fs.writeFile(local.keyPath, `${keys.privateKey}\n`);
    await local.saveNext(next.privateKey, 51821, 51820);
    expect(await local.next()).toEqual({ publicKey: next.publicKey, port: 51821 });
    expect((await fs.stat(local.nextKeyPath)).mode & 0o777).toBe(0o600);

    await expect(local.promoteNext(keys.publicKey)).resolves.toBeUndefined();
    expect(await local.publicKey()).toBe(keys.publicKey);
    await expect(local.promoteNext(key(9))).rejects.toThrow("next.key: is not the key of");

    await local.promoteNext(next.publicKey);
    await local.promoteNext(next.publicKey);
    expect([await local.publicKey(), await local.next()]).toEqual([next.publicKey, undefined]);
    expect(await local.ports()).toEqual(
      new Map([
        [keys.publicKey, 51820],
        [next.publicKey, 51821],
      ]),
    );
  });
});

describe("the registry's server key", () => {
  const keys = generateKeyPair();
  const next = generateKeyPair();
  const root = join(folder, "registry");
  const paths = registryPaths(root);
  const write = (path: string, content: unknown) =>
    fs.writeFile(path, typeof content === "string" ? `${content}\n` : JSON.stringify(content));
  const cluster = (port: number) => ({
    ...{ schema: 1, cluster: "c", endpoint: `host:${port}`, tunnelIpv4: "10.100.0.0/16" },
    ...{ dns: [], routes: [], mtu: 1420, persistentKeepalive: 25 },
  });
  const rotation = (phase: string) => ({
    schema: 1,
    phase,
    next: { publicKey: next.publicKey, port: 51821 },
    startedAt: "2026-01-01T00:00:00Z",
  });

  test("each step of a rotation is seen, and the key's port is right in between", async () => {
    await fs.mkdir(paths.serverFolder, { recursive: true });
    await write(paths.privateKey, keys.privateKey);
    await write(paths.publicKey, keys.publicKey);
    await write(paths.cluster, cluster(51820));
    const reader = new ServerKeyReader();
    const former: string[] = [];
    expect(await reader.read(root)).toEqual({
      publicKey: keys.publicKey,
      port: 51820,
      next: undefined,
      former,
    });

    await write(paths.nextKey, next.privateKey);
    await write(paths.rotation, rotation("rotating"));
    const asked = { publicKey: next.publicKey, port: 51821 };
    expect(await reader.read(root)).toEqual({
      publicKey: keys.publicKey,
      port: 51820,
      next: { ...asked, phase: "rotating" },
      former,
    });

    await fs.rename(paths.nextKey, paths.privateKey);
    expect(await reader.read(root)).toEqual({ ...asked, next: { ...asked, phase: "rotating" }, former });
    expect((await readIdentity(root)).port).toBe(51821);

    await write(paths.cluster, cluster(51821));
    await fs.rm(paths.rotation);
    expect(await reader.read(root)).toEqual({ ...asked, next: undefined, former });
    await write(paths.formerKeys, { schema: 1, publicKeys: [keys.publicKey] });
    expect(await reader.read(root)).toEqual({ ...asked, next: undefined, former: [keys.publicKey] });
    const { keys: now, port, former: listed } = await readIdentity(root);
    expect([now.publicKey, port, listed]).toEqual([next.publicKey, 51821, [keys.publicKey]]);
    await write(paths.formerKeys, "garbage"); // tells nothing, and keeps nothing else back
    expect((await readIdentity(root)).former).toEqual([]);
  });
});

describe("where clients are", () => {
  const peers = (handshakes: Record<number, number>) =>
    Object.entries(handshakes).flatMap(([byte, latestHandshake]) =>
      device([{ publicKey: key(Number(byte)), allowedIps: [] }]).dump.peers.map((peer) => ({
        ...peer,
        latestHandshake,
      })),
    );

  test("a client is where its newest handshake was", () => {
    const where = new Whereabouts();
    expect(where.see("current", peers({ 2: 100, 3: 100 }))).toBe(false);
    expect(where.see("next", peers({ 2: 0, 3: 0, 4: 100 }))).toBe(true);
    expect([...where.moved]).toEqual([key(4)]);
    expect(where.see("next", peers({ 2: 100, 3: 99, 4: 100 }))).toBe(true);
    expect([...where.moved]).toEqual([key(2), key(4)]);
    expect(where.see("next", peers({ 2: 100, 3: 99, 4: 220 }))).toBe(false);
    expect(where.see("current", peers({ 2: 101, 3: 100 }))).toBe(true);
    expect([...where.moved]).toEqual([key(4)]);
  });
});

describe("routes to single clients", () => {
  function setup() {
    const ran: string[] = [];
    const state = { fails: false };
    const routes = new ClientRoutes("wg1", async (_, args, { stdin }) => {
      if (state.fails) throw new Error("no");
      if (args.includes("show"))
        return args[0] === "-4" ? "10.100.0.7 scope link \n10.100.0.8 scope link \n" : "";
      ran.push(stdin ?? "");
      return "";
    });
    return { routes, ran, state };
  }

  test("only what differs is changed, all at once; what an earlier agent left counts", async () => {
    const { routes, ran } = setup();
    await routes.set(new Set(["10.100.0.7/32", "10.100.0.9/32"]));
    await routes.set(new Set(["10.100.0.7/32", "10.100.0.9/32"]));
    await routes.set(new Set(["fd00::2/128", "10.100.0.9/32"]));
    expect(ran).toEqual([
      "route del 10.100.0.8/32 dev wg1\nroute replace 10.100.0.9/32 dev wg1\n",
      "route del 10.100.0.7/32 dev wg1\nroute replace fd00::2/128 dev wg1\n",
    ]);
  });

  test("after a failure the routes are looked at again", async () => {
    const { routes, ran, state } = setup();
    state.fails = true;
    await routes.set(new Set(["10.100.0.9/32"]));
    expect(routes.error).toBe("routes to wg1 cannot be changed: no");
    state.fails = false;
    await routes.set(new Set(["10.100.0.8/32"]));
    expect(routes.error).toBeUndefined();
    expect(ran).toEqual(["route del 10.100.0.7/32 dev wg1\n"]);
  });
});

describe("the exchange of the ports", () => {
  test("stands only while the current key is at the second port", () => {
    expect(renderPortExchange(51820, false)).toBe("add table inet wgc_ports\ndelete table inet wgc_ports\n");
  });

  testWith(NFT, "nft takes it, again and again", () => {
    const text = renderPortExchange(51820, true);
    const script =
      "cat >/dev/shm/wgc-$$; nft -f /dev/shm/wgc-$$ && nft -f /dev/shm/wgc-$$ && nft list table inet wgc_ports; r=$?; rm /dev/shm/wgc-$$; exit $r";
    const { code, text: listed } = runTool("unshare", ["-rn", "sh", "-c", script], text);
    expect(code).toBe(0);
    expect(listed).toMatch(/udp dport set udp dport map \{ 51820 : 51821, 51821 : 51820 \}/);
    expect(listed).toMatch(/udp sport set udp sport map \{ 51820 : 51821, 51821 : 51820 \}/);
  });
});
