import { writeFileSync } from "node:fs";
import { generateKeyPair } from "../../wireguard/keys";
import { Desk, shape } from "./desk";

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
});
afterEach(() => desk.close());

const KEYS = [0, 1, 2].map(() => generateKeyPair());
const [server, alice, bob] = KEYS.map((pair) => pair);
const CONF = `[Interface]
PrivateKey = ${server?.privateKey}
Address = 10.100.0.1/16

[Peer]
# alice
PublicKey = ${alice?.publicKey}
AllowedIPs = 10.100.0.7/32

[Peer]
# bob
PublicKey = ${bob?.publicKey}
AllowedIPs = 172.16.0.9/32
`;

test("without --apply it is a report, and nothing is changed", async () => {
  writeFileSync(desk.file("wg0.conf"), CONF);
  const { out } = await desk.run("client", "import", "FILE:wg0.conf");
  expect(out).toMatch(/^alice +kept +10\.100\.0\.7/m);
  expect(out).toMatch(/^bob +(changed|refused) /m);
  expect(out).toContain("note: the cluster has another server key than the file");
  expect(out).toMatch(/nothing has been changed yet; add --apply to import \d\n$/);
  expect(out).not.toContain(server?.privateKey);
  expect((await desk.json("client", "list"))["total"]).toBe(0);
});

test("--apply does what the report said; a second time everything is there", async () => {
  writeFileSync(desk.file("wg0.conf"), CONF.split("[Peer]\n# bob")[0] ?? "");
  const { code, out } = await desk.run("client", "import", "FILE:wg0.conf", "--apply");
  expect(code).toBe(0);
  expect(out).toContain("1 kept as they are, 0 changed, 0 present already, 0 refused\n");
  expect(desk.stored("alice")).toMatchObject({ publicKey: alice?.publicKey, addresses: ["10.100.0.7/32"] });
  const again = await desk.json<{ counts: unknown }>("client", "import", "FILE:wg0.conf", "--apply");
  expect(again.counts).toEqual({ kept: 0, changed: 0, present: 1, refused: 0 });
  expect(shape(again)).toEqual({
    file: "string",
    format: "string",
    applied: "boolean",
    revision: "number",
    counts: { kept: "number", changed: "number", present: "number", refused: "number" },
    clients: [{ name: "string", outcome: "string", reasons: expect.anything(), addresses: ["string"] }],
    notes: expect.anything(),
  });
});

test("what is refused is in the table, and the exit code is 3", async () => {
  await desk.control.call("add", { name: "alice", publicKey: generateKeyPair().publicKey });
  writeFileSync(desk.file("wg0.conf"), CONF);
  const { code, out } = await desk.run("client", "import", "FILE:wg0.conf");
  expect(code).toBe(3);
  expect(out).toMatch(/^alice +refused .+/m);
});

test("large files go in batches, and one that fails later says how far it came", async () => {
  const peers = Array.from({ length: 1500 }, (_, index) => {
    const ip = `10.100.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
    return `[Peer]\n# c${index}\nPublicKey = ${generateKeyPair().publicKey}\nAllowedIPs = ${ip}/32\n`;
  });
  writeFileSync(
    desk.file("wg0.conf"),
    `[Interface]\nPrivateKey = ${server?.privateKey}\n\n${peers.join("\n")}`,
  );
  const sizes: number[] = [];
  desk.control = {
    call: (operation, input) => {
      if (operation !== "import") return Promise.reject(new Error(`not expected: ${operation}`));
      sizes.push((input as { clients: unknown[] }).clients.length);
      if (sizes.length === 2) return Promise.reject(new Error("the network is gone"));
      return Promise.resolve({ revision: 1, result: { outcomes: [], dryRun: false } } as never);
    },
  };
  desk.control = { call: withServerKey(desk.control.call) };
  const { code, err } = await desk.run("client", "import", "FILE:wg0.conf", "--apply");
  expect([code, sizes]).toEqual([1, [1000, 500]]);
  expect(err).toBe(
    "1000 of 1500 clients are imported, then it failed: the network is gone; run the same command again: those that are there are left alone\n",
  );
});

test("notes are shown with everything in them to be seen, also as JSON", async () => {
  const odd = { name: "bob\u009b2J\u202e", address: "10.100.0.9", publicKey: bob?.publicKey };
  writeFileSync(desk.file("wg0.json"), JSON.stringify({ server: {}, clients: { 1: odd } }));
  for (const json of [[], ["--json"]]) {
    const { out } = await desk.run("client", "import", "FILE:wg0.json", ...json);
    expect(out).toContain("x9b2J");
    expect(out).not.toMatch(/[\u009b\u202e]/);
  }
});

test("of more than one batch, each address goes to who has it in the file, and the dry run says so too", async () => {
  const peer = (name: string, ip: string) =>
    `[Peer]\n# ${name}\nPublicKey = ${generateKeyPair().publicKey}\nAllowedIPs = ${ip}/32\n`;
  const others = Array.from({ length: 999 }, (_, index) =>
    peer(`c${index}`, `10.100.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`),
  );
  const last = [peer("late", "10.100.0.2"), peer("twin", "10.100.1.1"), peer("far", "192.168.0.9")];
  writeFileSync(desk.file("wg0.conf"), [peer("outside", "192.168.99.5"), ...others, ...last].join("\n"));
  type Report = { clients: { name: string; outcome: string; addresses: string[] }[]; counts: unknown };
  const report = async (...apply: string[]) => {
    const { clients, counts } = await desk.json<Report>("client", "import", "FILE:wg0.conf", ...apply);
    const told = clients.filter(({ name }) => !/^c[1-9]/.test(name));
    return { counts, told: told.map(({ name, outcome, addresses }) => [name, outcome, ...addresses]) };
  };
  const dry = await report();
  expect(dry).toEqual({
    counts: { kept: 1000, changed: 3, present: 0, refused: 0 },
    told: [
      ["outside", "changed", "10.100.0.3/32"],
      ["c0", "kept", "10.100.1.1/32"],
      ["late", "kept", "10.100.0.2/32"],
      ["twin", "changed", "10.100.0.4/32"],
      ["far", "changed", "10.100.0.5/32"],
    ],
  });
  expect(await report("--apply")).toEqual(dry);
}, 60_000);

/** Answers `export`, which import asks for the cluster's key. */
function withServerKey(call: Desk["control"]["call"]): Desk["control"]["call"] {
  return (operation, input, options) =>
    operation === "export"
      ? Promise.resolve({
          revision: 1,
          result: { cluster: { publicKey: server?.publicKey }, clients: [] },
        } as never)
      : call(operation, input, options);
}
