import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { parseConfig } from "../../wireguard/config";
import { qrTerminal } from "../../wireguard/formats/qr";
import { generateKeyPair, generatePresharedKey, publicKeyOf } from "../../wireguard/keys";
import { Desk, shape } from "./desk";

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
});
afterEach(() => desk.close());

const add = (name: string, ...more: string[]) =>
  desk.run("client", "add", name, "--out", `FILE:${name}.conf`, ...more);

test("add: the key pair's halves go to the registry and to a file that only its owner reads", async () => {
  const { code, out, err } = await add("alice");
  expect([code, err]).toEqual([0, ""]);
  expect(out).toBe(
    `alice: 10.100.0.2/32, does not expire\n${desk.file("alice.conf")}: holds the private key, and is the only copy of it\n`,
  );
  const config = parseConfig(desk.read("alice.conf"));
  expect(statSync(desk.file("alice.conf")).mode & 0o777).toBe(0o600);
  expect(desk.stored("alice")["publicKey"]).toBe(publicKeyOf(config.interface.privateKey));
  expect(JSON.stringify(desk.stored("alice"))).not.toContain(config.interface.privateKey);
  expect(config.interface).toMatchObject({ addresses: ["10.100.0.2/32"], dns: ["10.0.0.2"], mtu: 1420 });
  expect(config.peers).toMatchObject([{ endpoint: "vpn.example.com:51820", allowedIps: ["10.0.0.0/16"] }]);
});

test("add: everything that can be said about a client", async () => {
  const options = [
    "--expires",
    "2027-01-31",
    "--preshared-key",
    "--full-tunnel",
    "--dns",
    "1.1.1.1, corp.example",
  ];
  const { code } = await add(
    "bob",
    ...options,
    "--tag",
    "team=ops",
    "--tag",
    "k=a=b",
    "--address",
    "10.100.0.9",
  );
  expect(code).toBe(0);
  const stored = desk.stored("bob");
  expect(stored).toMatchObject({
    expiresAt: "2027-02-01T00:00:00Z",
    routes: ["0.0.0.0/0"],
    dns: ["1.1.1.1", "corp.example"],
    tags: { team: "ops", k: "a=b" },
    addresses: ["10.100.0.9/32"],
  });
  const { peers } = parseConfig(desk.read("bob.conf"));
  expect(peers[0]?.presharedKey).toBe(stored["presharedKey"]);
});

test("an existing file stays as it is, and nobody is added; --force replaces it", async () => {
  writeFileSync(desk.file("alice.conf"), "precious");
  const refused = await add("alice");
  expect([refused.code, refused.err]).toEqual([
    1,
    `${desk.file("alice.conf")} exists already; choose another file with --out, or replace it with --force\n`,
  ]);
  expect(desk.read("alice.conf")).toBe("precious");
  expect((await desk.run("client", "show", "alice")).code).toBe(1);
  expect((await add("alice", "--force")).code).toBe(0);
  expect(desk.read("alice.conf")).toContain("[Interface]");
  expect(statSync(desk.file("alice.conf")).mode & 0o777).toBe(0o600);
});

test("a folder that cannot be written to costs nothing: nobody is added, nothing is left lying", async () => {
  const { code, err } = await desk.run("client", "add", "alice", "--out", "FILE:nowhere/alice.conf");
  expect([code, err]).toEqual([
    1,
    `${desk.file("nowhere/alice.conf")} cannot be written: its folder does not exist\n`,
  ]);
  mkdirSync(desk.file("there"));
  const folder = await desk.run("client", "add", "alice", "--out", "FILE:there");
  expect([folder.code, folder.err]).toEqual([
    1,
    `${desk.file("there")} is a folder; name a file with --out\n`,
  ]);
  expect((await desk.json("client", "list"))["total"]).toBe(0);
});

test("a client that is refused leaves no file", async () => {
  await add("alice");
  const before = readdirSync(desk.folder);
  const again = await desk.run("client", "add", "alice", "--out", "FILE:again.conf");
  expect(again.code).toBe(1);
  expect(readdirSync(desk.folder)).toEqual(before);
});

test("the same add again works, also with what comes out otherwise each time; other wishes are a conflict", async () => {
  const { publicKey } = generateKeyPair();
  const again = (...more: string[]) =>
    desk.run("client", "add", "alice", "--public-key", publicKey, "--out", "-", ...more);
  const first = await again("--preshared-key", "--expires", "30d");
  expect(first.code).toBe(0);
  const before = desk.stored("alice");
  desk.now = new Date(desk.now.getTime() + 300_000);
  const repeated = await again("--preshared-key", "--expires", "30d");
  expect([repeated.code, repeated.out]).toEqual([0, first.out]);
  expect(desk.stored("alice")).toEqual(before);
  for (const wish of [
    ["--expires", "1d"],
    ["--expires", "60d"],
    ["--tag", "z=1"],
  ]) {
    const { code, err } = await again("--preshared-key", ...wish);
    expect(code).toBe(1);
    expect(err).toMatch(/already exists with this public key, but .*: (expiresAt|tags); change it/);
  }
  await desk.run("client", "revoke", "alice", "--yes");
  expect((await again()).err).toContain("revoked: it has no access until ./wgc client restore alice\n");
  const rotated = await desk.run("client", "rotate", "alice", "--out", "FILE:new.conf");
  expect(rotated.out).toContain("alice: 10.100.0.2/32, revoked: it has no access");
  expect(rotated.out).not.toContain("former key works");
});

test("a preshared key alone is said to count at once, and the file is not called the only copy of a key from another", async () => {
  await add("alice");
  const only = ["--preshared-key-only", "--private-key-file", "FILE:alice.conf", "--out", "FILE:psk.conf"];
  const { code, out } = await desk.run("client", "rotate", "alice", ...only, "--yes");
  expect(code).toBe(0);
  expect(out).toContain("the new preshared key counts at once: the device has no connection");
  expect(out).toMatch(/psk\.conf: holds the private key$/m);
  const both = await desk.run("client", "rotate", "alice", "--preshared-key", "--out", "FILE:both.conf");
  expect(both.out).not.toContain("at once");
  expect(both.out).toContain("is the only copy of it");
});

test("a file that cannot be written after all: how to go on, and nothing of the key", async () => {
  const real = desk.control;
  desk.control = {
    call: async (operation, input, options) => {
      const answer = await real.call(operation, input, options);
      // Somebody else's file, at the worst moment.
      if (operation === "add") writeFileSync(desk.file("alice.conf"), "precious");
      return answer;
    },
  };
  const { code, err } = await add("alice");
  expect(code).toBe(1);
  expect(err).toBe(
    "alice has its new key (revision 1), but the configuration was not written: a file of that name has come to exist meanwhile; nothing is lost: ./wgc client rotate alice --no-overlap gives it another key pair and a new configuration\n",
  );
  expect(desk.read("alice.conf")).toBe("precious");
  expect(readdirSync(desk.folder).sort()).toEqual(["alice.conf", "registry"]);
  desk.control = real;
  expect(
    (await desk.run("client", "rotate", "alice", "--no-overlap", "--force", "--out", "FILE:alice.conf")).code,
  ).toBe(0);
});

test("standard output is the configuration and nothing else", async () => {
  const { code, out, err } = await desk.run("client", "add", "alice", "--out", "-");
  expect(code).toBe(0);
  expect(publicKeyOf(parseConfig(out).interface.privateKey)).toBe(desk.stored("alice")["publicKey"]);
  expect(err).toBe("alice: 10.100.0.2/32, does not expire\n");
  expect(readdirSync(desk.folder)).toEqual(["registry"]);
});

test("several files of one format", async () => {
  const { out } = await desk.run(
    "client",
    "add",
    "alice",
    "--format",
    "networkd",
    "--out",
    "FILE:tunnel.netdev",
  );
  expect(out).toContain(
    `${desk.file("tunnel.netdev")}, ${desk.file("tunnel.network")}: holds the private key`,
  );
  expect(desk.read("tunnel.netdev")).toContain("[WireGuard]\nPrivateKey=");
  expect(desk.read("tunnel.network")).toContain("[Network]\nAddress=10.100.0.2/32");
  const both = await desk.run("client", "config", "alice", "--format", "networkd");
  expect(both.out.match(/^# alice\.net(dev|work)$/gm)).toEqual(["# alice.netdev", "# alice.network"]);
});

test("--qr shows the code and writes no file; it is the file's content", async () => {
  const { out } = await desk.run(
    "client",
    "add",
    "phone",
    "--qr",
    "--png",
    "FILE:phone.png",
    "--svg",
    "FILE:phone.svg",
  );
  expect(out.split("\n")[0]).toMatch(/^█+$/);
  expect(readdirSync(desk.folder).sort()).toEqual(["phone.png", "phone.svg", "registry"]);
  for (const file of ["phone.png", "phone.svg"]) expect(statSync(desk.file(file)).mode & 0o777).toBe(0o600);
  await add("alice");
  const qr = await desk.run("client", "qr", "alice", "--private-key-file", "FILE:alice.conf");
  expect(qr.out).toBe(`${qrTerminal(desk.read("alice.conf"), false)}\n`);
});

test("a terminal that is too narrow for a QR code is told before anything is changed", async () => {
  desk.columns = 60;
  const { code, err } = await desk.run("client", "add", "phone", "--qr");
  expect([code, err]).toEqual([
    1,
    "a QR code needs up to 80 columns and the terminal has 60; make the window wider or its letters smaller, or use --png FILE\n",
  ]);
  expect((await desk.json("client", "list"))["total"]).toBe(0);
});

test("with --public-key no private key exists here, and no file is written unless asked for", async () => {
  const { publicKey } = generateKeyPair();
  const { out } = await desk.run("client", "add", "alice", "--public-key", publicKey);
  expect(out).toContain("./wgc client config alice --private-key-file FILE");
  expect(desk.stored("alice")["publicKey"]).toBe(publicKey);
  expect(readdirSync(desk.folder)).toEqual(["registry"]);
  await add("bob", "--public-key", generateKeyPair().publicKey);
  expect(desk.read("bob.conf")).toContain("PrivateKey = PUT-THE-PRIVATE-KEY-OF-bob-HERE\n");
});

test("config: with the key file the whole, without it a placeholder, with somebody else's a refusal", async () => {
  await add("alice");
  const { privateKey } = parseConfig(desk.read("alice.conf")).interface;
  writeFileSync(desk.file("alice.key"), `${privateKey}\n`);
  for (const key of ["FILE:alice.key", "FILE:alice.conf"]) {
    const { out } = await desk.run("client", "config", "alice", "--private-key-file", key);
    expect(out).toBe(desk.read("alice.conf"));
  }
  const without = await desk.run("client", "config", "alice");
  expect(without.out).toContain("PrivateKey = PUT-THE-PRIVATE-KEY-OF-alice-HERE\n");
  expect(without.err).toContain("put it in place of PUT-THE-PRIVATE-KEY-OF-alice-HERE");
  await add("bob");
  const wrong = await desk.run("client", "config", "bob", "--private-key-file", "FILE:alice.key");
  expect([wrong.code, wrong.out]).toEqual([1, ""]);
  expect(wrong.err).toContain("that is not the private key of bob (its public key is");
  expect(wrong.err).not.toContain(privateKey);
});

test("a key file that is none is refused without repeating it", async () => {
  await add("alice");
  for (const [content, message] of [
    ["s3cret rubbish", "it holds neither a private key ('wg genkey') nor a wg-quick configuration"],
    ["", "it holds neither a private key ('wg genkey') nor a wg-quick configuration"],
  ] as const) {
    writeFileSync(desk.file("bad.key"), content);
    const { code, err } = await desk.run("client", "config", "alice", "--private-key-file", "FILE:bad.key");
    expect([code, err]).toEqual([1, `--private-key-file ${desk.file("bad.key")}: ${message}\n`]);
  }
  const missing = await desk.run("client", "config", "alice", "--private-key-file", "FILE:none.key");
  expect(missing.err).toBe(`--private-key-file ${desk.file("none.key")}: there is no such file\n`);
});

test("rotate: a new key pair in a new file, the former key works on for a while", async () => {
  await add("alice", "--preshared-key");
  const before = desk.stored("alice");
  const { code, out } = await desk.run(
    "client",
    "rotate",
    "alice",
    "--out",
    "FILE:new.conf",
    "--overlap",
    "2d",
  );
  expect(code).toBe(0);
  const after = desk.stored("alice");
  expect(out).toContain(
    "the former key works until the new one has been used, at most until 2026-11-23T12:00:00",
  );
  expect(after["previous"]).toMatchObject({ publicKey: before["publicKey"] });
  expect(publicKeyOf(parseConfig(desk.read("new.conf")).interface.privateKey)).toBe(after["publicKey"]);
  expect(after["publicKey"]).not.toBe(before["publicKey"]);
});

test("rotate --no-overlap: the former key is gone at once", async () => {
  await add("alice");
  await desk.run("client", "rotate", "alice", "--out", "FILE:new.conf", "--no-overlap");
  expect(desk.stored("alice")["previous"]).toBeUndefined();
});

test("rotate --preshared-key-only: the key pair stays", async () => {
  await add("alice", "--preshared-key");
  const before = desk.stored("alice");
  const options = ["--preshared-key-only", "--yes", "--no-overlap", "--private-key-file", "FILE:alice.conf"];
  const { code } = await desk.run("client", "rotate", "alice", ...options, "--out", "FILE:new.conf");
  expect(code).toBe(0);
  const after = desk.stored("alice");
  expect(after["publicKey"]).toBe(before["publicKey"]);
  expect(after["presharedKey"]).not.toBe(before["presharedKey"]);
  const config = parseConfig(desk.read("new.conf"));
  expect(config.interface.privateKey).toBe(parseConfig(desk.read("alice.conf")).interface.privateKey);
  expect(config.peers[0]?.presharedKey).toBe(after["presharedKey"]);
});

test("a name that wg-quick cannot make an interface of is said", async () => {
  const { err } = await add("a-very-long-client-name");
  expect(err).toContain("at most 15 letters: rename ");
  expect((await add("short")).err).toBe("");
});

const CLIENT = {
  name: "string",
  state: "string",
  publicKey: "string",
  hasPresharedKey: "boolean",
  addresses: ["string"],
  routes: null,
  dns: null,
  createdAt: "string",
  expiresAt: null,
  revokedAt: null,
  tags: {},
  previous: null,
};

test("what --json prints keeps its keys", async () => {
  const added = await desk.json("client", "add", "alice", "--out", "FILE:alice.conf");
  expect(shape(added)).toEqual({
    client: CLIENT,
    revision: "number",
    files: ["string"],
    config: null,
    wait: null,
  });
  const printed = await desk.json("client", "add", "bob", "--out", "-");
  expect(shape(printed)).toEqual({
    client: CLIENT,
    revision: "number",
    files: [],
    config: "string",
    wait: null,
  });
  expect(shape(await desk.json("client", "rotate", "bob", "--out", "FILE:b.conf", "--no-overlap"))).toEqual(
    shape(added),
  );
  expect(shape(await desk.json("client", "list"))).toEqual({
    total: "number",
    clients: [CLIENT],
    broken: [],
  });
  expect(shape(await desk.json("client", "show", "bob"))).toEqual({
    client: CLIENT,
    session: null,
    sessionProblem: null,
  });
  const changed = { client: CLIENT, revision: "number", wait: null };
  expect(shape(await desk.json("client", "update", "bob", "--split-tunnel"))).toEqual(changed);
  expect(shape(await desk.json("client", "revoke", "bob", "--yes"))).toEqual({
    ...changed,
    client: { ...CLIENT, revokedAt: "string" },
  });
  expect(shape(await desk.json("client", "restore", "bob"))).toEqual(changed);
  expect(shape(await desk.json("client", "config", "bob"))).toEqual({
    name: "string",
    format: "string",
    files: [],
    config: "string",
    hasPrivateKey: "boolean",
  });
  expect(shape(await desk.json("client", "remove", "bob", "--yes"))).toEqual({
    name: "string",
    revision: "number",
    wait: null,
  });
  expect(shape(await desk.json("client", "export"))).toEqual({
    cluster: { cluster: "string", endpoint: "string", publicKey: "string", tunnelIpv4: "string" },
    clients: [CLIENT],
    broken: [],
  });
});

test("no private or preshared key is printed, unless the configuration itself is asked for", async () => {
  const shown: string[] = [];
  const run = async (...args: string[]): Promise<void> => {
    const { out, err } = await desk.run(...args);
    shown.push(out, err);
  };
  for (const json of [[], ["--json"]]) {
    const file = `FILE:alice${json.length}.conf`;
    await run("client", "add", `alice${json.length}`, "--preshared-key", "--out", file, ...json);
    await run(
      "client",
      "rotate",
      `alice${json.length}`,
      "--preshared-key",
      "--out",
      file,
      "--force",
      ...json,
    );
    for (const command of ["list", "export"]) await run("client", command, ...json);
    await run("client", "show", `alice${json.length}`, ...json);
    for (const command of [
      ["status"],
      ["registry", "check"],
      ["registry", "audit"],
      ["server-key", "status"],
    ])
      await run(...command, ...json);
  }
  await run("client", "export", "--csv");
  const all = shown.join("\n");
  const secrets = ["alice0", "alice1"].flatMap((name) => {
    const config = parseConfig(desk.read(`${name}.conf`));
    return [config.interface.privateKey, config.peers[0]?.presharedKey ?? ""];
  });
  expect(secrets).toHaveLength(4);
  for (const secret of secrets) expect([secret.length, all.includes(secret)]).toEqual([44, false]);
  expect(all).toContain(String(desk.stored("alice0")["publicKey"]));
});

test("a preshared key of the registry reaches nobody but config", async () => {
  const presharedKey = generatePresharedKey();
  await desk.control.call("add", { name: "carol", publicKey: generateKeyPair().publicKey, presharedKey });
  for (const command of ["show", "list", "export"]) {
    const { out } = await desk.run("client", command, ...(command === "show" ? ["carol"] : []), "--json");
    expect([command, out.includes(presharedKey)]).toEqual([command, false]);
  }
  expect((await desk.run("client", "config", "carol")).out).toContain(`PresharedKey = ${presharedKey}\n`);
});

test("a folder without the right to write is named (not for root, whom nothing stops)", async () => {
  mkdirSync(desk.file("closed"));
  chmodSync(desk.file("closed"), 0o500);
  const { code, err } = await desk.run("client", "add", "alice", "--out", "FILE:closed/alice.conf");
  if (process.getuid?.() === 0) expect(code).toBe(0);
  else expect(err).toContain("cannot be written: permission denied");
});
