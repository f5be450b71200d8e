import { readFileSync } from "node:fs";
import type { ControlErrorCode } from "../../control/answers";
import { registryPaths } from "../../registry/layout";
import { generatePresharedKey, ZERO_KEY } from "../../wireguard/keys";
import { CLUSTER, errorOf, makeControl, newKey, treeHash } from "./support";

const NOW = new Date("2030-01-01T00:00:00.000Z");
const LOW_ORDER = Buffer.from(`01${"00".repeat(31)}`, "hex").toString("base64");
const taken = newKey();
const serverKey = newKey();
/** The same point with the highest bit set, which Curve25519 ignores. */
function secondSpelling(key: string): string {
  const bytes = Buffer.from(key, "base64");
  bytes.writeUInt8(bytes.readUInt8(31) | 0x80, 31);
  return bytes.toString("base64");
}
const add = (more: object, name = "bob") => ({ name, publicKey: newKey(), ...more });

/** One request that must be refused: what is wrong, the operation, its input, the code and the fields that are named. */
type Case = [string, string, unknown, ControlErrorCode, string[]];

const NAMES: Case[] = (
  [
    ["of Unicode letters", "älice"],
    ["that leads out of the folder", "../../etc/passwd"],
    ["of dots", ".."],
    ["of 300 characters", "a".repeat(300)],
    ["in upper case (another file system would mix it up with alice)", "Alice"],
    ["that is empty", ""],
    ["with a null byte", "a\0b"],
    ["that is a number", 5],
  ] as const
).map(([what, name]) => [
  `a name ${what}`,
  "add",
  { name, publicKey: newKey() },
  "invalid-request",
  ["input.name"],
]);

const KEYS: Case[] = (
  [
    ["of the wrong length", "abc="],
    ["in hexadecimal", "ab".repeat(32)],
    ["of zeros", ZERO_KEY],
    ["of low order", LOW_ORDER],
    ["that is another client's in another spelling", secondSpelling(taken)],
    ["that is the server's own in another spelling", secondSpelling(serverKey)],
    ["that is missing", undefined],
  ] as const
).map(([what, publicKey]) => [
  `a public key ${what}`,
  "add",
  { name: "bob", publicKey },
  "invalid-request",
  ["input.publicKey"],
]);

const REST: Case[] = [
  ["the key of another client", "add", add({ publicKey: taken }), "conflict", ["input.publicKey"]],
  ["the server's own key", "add", add({ publicKey: serverKey }), "conflict", ["input.publicKey"]],
  ["a name that is taken", "add", add({}, "alice"), "conflict", ["input.name"]],
  [
    "a preshared key that is none",
    "add",
    add({ presharedKey: "x" }),
    "invalid-request",
    ["input.presharedKey"],
  ],
  [
    "a preshared key of zeros",
    "add",
    add({ presharedKey: ZERO_KEY }),
    "invalid-request",
    ["input.presharedKey"],
  ],
  [
    "a new preshared key of zeros",
    "rotate",
    { name: "alice", presharedKey: ZERO_KEY },
    "invalid-request",
    ["input.presharedKey"],
  ],
  [
    "a DNS server that is none",
    "add",
    add({ dns: ["1.1.1.1", "999.1.1.1"] }),
    "invalid-request",
    ["input.dns.1"],
  ],
  [
    "a line break among the cluster's DNS servers",
    "init",
    { cluster: { ...CLUSTER, dns: ["1.1.1.1\nPostUp = id"] } },
    "invalid-request",
    ["input.cluster.dns.0"],
  ],
  [
    "a line break in the endpoint",
    "init",
    { cluster: { ...CLUSTER, endpoint: "a.example\nPostUp = id\n:51820" } },
    "invalid-request",
    ["input.cluster.endpoint"],
  ],
  [
    "an endpoint without a port",
    "init",
    { cluster: { ...CLUSTER, endpoint: "noport" } },
    "invalid-request",
    ["input.cluster.endpoint"],
  ],
  [
    "an address without a length",
    "add",
    add({ address: "10.100.0.9" }),
    "invalid-request",
    ["input.address"],
  ],
  [
    "an address outside of the range",
    "add",
    add({ address: "10.200.0.9/32" }),
    "invalid-request",
    ["input.address"],
  ],
  ["the servers' address", "add", add({ address: "10.100.0.1/32" }), "invalid-request", ["input.address"]],
  ["the probes' address", "add", add({ address: "10.100.0.254/32" }), "invalid-request", ["input.address"]],
  ["an IPv6 address", "add", add({ address: "fd00::1/128" }), "invalid-request", ["input.address"]],
  ["an address that is taken", "add", add({ address: "10.100.0.2/32" }), "conflict", ["input.address"]],
  [
    "a route into the tunnel",
    "add",
    add({ routes: ["10.0.0.0/16", "10.100.0.128/25"] }),
    "invalid-request",
    ["input.routes.1"],
  ],
  [
    "two routes that are none",
    "add",
    add({ routes: ["x", "10.0.0.0/16", 5] }),
    "invalid-request",
    ["input.routes.0", "input.routes.2"],
  ],
  [
    "an expiry in the past",
    "add",
    add({ expiresAt: "2029-12-31T23:59:59Z" }),
    "invalid-request",
    ["input.expiresAt"],
  ],
  [
    "an expiry that is no time",
    "add",
    add({ expiresAt: "tomorrow" }),
    "invalid-request",
    ["input.expiresAt"],
  ],
  [
    "an escape sequence in a tag",
    "add",
    add({ tags: { a: "\u001b[31mred" } }),
    "invalid-request",
    ["input.tags.a"],
  ],
  [
    "a line break in a tag",
    "add",
    add({ tags: { a: "x\nfake  active" } }),
    "invalid-request",
    ["input.tags.a"],
  ],
  [
    "a tag that turns the writing",
    "add",
    add({ tags: { a: "\u202eoof" } }),
    "invalid-request",
    ["input.tags.a"],
  ],
  [
    "a line break in a changed tag",
    "update",
    { name: "alice", tags: { a: "x\ny" } },
    "invalid-request",
    ["input.tags.a"],
  ],
  ["a tag without a name", "add", add({ tags: { "": "x" } }), "invalid-request", ['input.tags.""']],
  [
    "33 tags",
    "add",
    add({ tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, ""])) }),
    "invalid-request",
    ["input.tags"],
  ],
  [
    "more than 32 tags, one by one",
    "update",
    { name: "alice", tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, ""])) },
    "invalid-request",
    ["input.tags"],
  ],
  [
    "a tag that JSON has and an object has not",
    "add",
    add({ tags: JSON.parse('{"a":"b","__proto__":"x"}') }),
    "invalid-request",
    ["input.tags.__proto__"],
  ],
  [
    "a field that does not exist",
    "add",
    add({ admin: true, sudo: 1 }),
    "invalid-request",
    ["input.admin", "input.sudo"],
  ],
  [
    "everything at once",
    "add",
    { name: "X", publicKey: "x", routes: [] },
    "invalid-request",
    ["input.name", "input.publicKey", "input.routes"],
  ],
  ["no input", "add", undefined, "invalid-request", ["input"]],
  ["a client that does not exist", "revoke", { name: "alcie" }, "unknown-client", ["input.name"]],
  ["removing one that does not exist", "remove", { name: "alcie" }, "unknown-client", ["input.name"]],
  [
    "an expiry in the past, later",
    "update",
    { name: "alice", expiresAt: "2029-01-01T00:00:00Z" },
    "invalid-request",
    ["input.expiresAt"],
  ],
  [
    "a route into the tunnel, later",
    "update",
    { name: "alice", routes: ["10.100.0.0/24"] },
    "invalid-request",
    ["input.routes.0"],
  ],
  ["nothing to rotate", "rotate", { name: "alice" }, "invalid-request", ["input.publicKey"]],
  [
    "the server's key, later",
    "rotate",
    { name: "alice", publicKey: serverKey },
    "conflict",
    ["input.publicKey"],
  ],
  [
    "an overlap that is too long",
    "rotate",
    { name: "alice", publicKey: newKey(), overlapSeconds: 1e9 },
    "invalid-request",
    ["input.overlapSeconds"],
  ],
  ["a page that is too large", "list", { limit: 1001 }, "invalid-request", ["input.limit"]],
  ["a state that does not exist", "list", { state: "asleep" }, "invalid-request", ["input.state"]],
  [
    "an entry of an import",
    "import",
    { clients: [{ name: "a", publicKey: newKey(), addresses: [] }], dryRun: false },
    "invalid-request",
    ["input.clients.0.addresses"],
  ],
  ["finishing what has not begun", "serverKey", { action: "finish" }, "conflict", []],
  [
    "the last port, which has none after it for the next server key",
    "init",
    { cluster: { ...CLUSTER, endpoint: "vpn.example.org:65535" } },
    "invalid-request",
    ["input.cluster.endpoint"],
  ],
  [
    "an escape sequence in the cluster's name",
    "init",
    { cluster: { ...CLUSTER, cluster: "a\u001b[31mb" } },
    "invalid-request",
    ["input.cluster.cluster"],
  ],
  ...["10.0.0.0/30", "fd00::/64", "10.100.5.7/16", "10.0.0.0/7"].map(
    (tunnelIpv4): Case => [
      `the tunnel range ${tunnelIpv4}`,
      "init",
      { cluster: { ...CLUSTER, tunnelIpv4 } },
      "invalid-request",
      ["input.cluster.tunnelIpv4"],
    ],
  ),
  ["another cluster", "init", { cluster: { ...CLUSTER, tunnelIpv4: "10.9.0.0/16" } }, "conflict", []],
];

test.each([...NAMES, ...KEYS, ...REST])(
  "%s is refused (%s): one error, its fields, nothing changed",
  async (_, operation, input, code, paths) => {
    const { control, root, get } = await makeControl({ now: () => NOW });
    await get("add", { name: "alice", publicKey: taken });
    // The server's own key is known only now.
    const { publicKey } = await get("init", { cluster: CLUSTER });
    const filled = JSON.parse(
      JSON.stringify({ version: 1, operation, input }).replaceAll(serverKey, publicKey),
    );
    const tree = treeHash(root);
    const error = errorOf(await control.handle(filled));
    expect([error.code, error.issues.map(({ path }) => path)]).toEqual([code, paths]);
    if (paths.length === 1 && code !== "unknown-client") expect(error.message).toContain(paths[0]);
    expect(error.message).not.toContain("\n");
    expect(treeHash(root)).toBe(tree);
  },
);

const ENVELOPES: [string, unknown, ControlErrorCode, string[]][] = [
  ["no object", "add", "invalid-request", [""]],
  ["null", null, "invalid-request", [""]],
  ["a list", [], "invalid-request", [""]],
  ["no version", { operation: "list", input: {} }, "unsupported-version", ["version"]],
  ["another version", { version: 2, operation: "list", input: {} }, "unsupported-version", ["version"]],
  ["an unknown operation", { version: 1, operation: "lsit", input: {} }, "unknown-operation", ["operation"]],
  [
    "a property of every object",
    { version: 1, operation: "toString", input: {} },
    "unknown-operation",
    ["operation"],
  ],
  ["no operation", { version: 1, input: {} }, "unknown-operation", ["operation"]],
  ["a field too many", { version: 1, operation: "list", input: {}, sudo: true }, "invalid-request", ["sudo"]],
  [
    "a short request key",
    { version: 1, operation: "list", input: {}, requestKey: "1" },
    "invalid-request",
    ["requestKey"],
  ],
  [
    "a caller with a line break",
    { version: 1, operation: "list", input: {}, caller: "a\nb" },
    "invalid-request",
    ["caller"],
  ],
  [
    "10 MB",
    { version: 1, operation: "list", input: { search: "x".repeat(10_000_000) } },
    "invalid-request",
    [""],
  ],
];

test.each(ENVELOPES)(
  "a request that is or has %s is refused, nothing changed",
  async (_, request, code, paths) => {
    const { control, root } = await makeControl();
    const tree = treeHash(root);
    const error = errorOf(await control.handle(request));
    expect([error.code, error.issues.map(({ path }) => path)]).toEqual([code, paths]);
    expect(error.message.length).toBeLessThan(400);
    expect(treeHash(root)).toBe(tree);
  },
);

test("a circle is no request", async () => {
  const { control } = await makeControl();
  const request: Record<string, unknown> = { version: 1, operation: "list" };
  request["input"] = request;
  expect(errorOf(await control.handle(request)).message).toBe("the request must be JSON");
});

test("what was probably meant is said: a client, an operation", async () => {
  const { ask, get, control } = await makeControl();
  for (const name of ["alice", "bob", "alicia"]) await get("add", { name, publicKey: newKey() });
  const error = errorOf(await ask("show", { name: "alcie" }));
  expect([error.message, error.suggestion]).toEqual(["there is no client alcie", "alice"]);
  expect(errorOf(await ask("show", { name: "zebra" })).suggestion).toBeUndefined();
  const unknown = errorOf(await control.handle({ version: 1, operation: "lsit", input: {} }));
  expect(unknown.remedy).toBe("did you mean list?");
});

test("a value is never repeated, whatever is wrong with it, nor a key in the place of a name", async () => {
  const { control } = await makeControl();
  const key = generatePresharedKey();
  const broken = key.slice(0, -1);
  const requests = [
    add({ presharedKey: broken }),
    add({ [key]: 1, tags: { [key]: 5 }, presharedKey: { [key]: key } }),
    { name: key, publicKey: broken },
    { name: broken, publicKey: key, routes: [key], address: key, expiresAt: key, dns: [`${key}/`] },
  ].map((input) => ({ version: 1, operation: "add", input }));
  for (const request of [
    ...requests,
    { version: key, operation: "list" },
    { version: 1, operation: key, input: {} },
    { version: 1, operation: "list", input: {}, [key]: key, requestKey: key },
  ]) {
    const answer = JSON.stringify(await control.handle(request));
    expect(JSON.parse(answer).ok).toBe(false);
    expect(answer).not.toContain(key.slice(0, 20));
  }
});

test("ten thousand wrong entries are told as the first hundred and their number", async () => {
  const { ask } = await makeControl();
  const clients = Array.from({ length: 10_000 }, () => ({
    name: "X",
    publicKey: newKey0,
    addresses: ["10.100.0.9/32"],
  }));
  const { issues } = errorOf(await ask("import", { clients, dryRun: true }));
  expect(issues).toHaveLength(101);
  expect(issues.at(-1)).toEqual({ path: "input", message: "has 9900 more fields that are wrong" });
});
const newKey0 = newKey();

test("a registry that is not there is a clear error, and none is made", async () => {
  const { control, root } = await makeControl();
  const { rmSync } = await import("node:fs");
  rmSync(registryPaths(root).cluster);
  const tree = treeHash(root);
  const error = errorOf(await control.handle({ version: 1, operation: "add", input: add({}) }));
  expect(error.code).toBe("missing");
  expect(error.message).toMatch(/^cluster\.json: does not exist/);
  expect(treeHash(root)).toBe(tree);
  expect(readFileSync(registryPaths(root).privateKey, "utf8")).toHaveLength(45);
});
