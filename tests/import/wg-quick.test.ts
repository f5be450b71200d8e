import fc from "fast-check";
import { parseImport } from "../../import";
import { client, NOW, secrets, server } from "./files";

const parse = (text: string) => parseImport(text, { now: NOW });
const peer = (number: number, ...lines: string[]) =>
  ["[Peer]", `PublicKey = ${client(number).publicKey}`, ...lines].join("\n");
const INTERFACE = `[Interface]\nPrivateKey = ${server.privateKey}\nAddress = 10.8.0.1/24\nListenPort = 51820\n`;

test("a server's file: names, addresses, preshared keys; its private key becomes a public one", () => {
  const text = `${INTERFACE}
### Client alice
${peer(0, `PresharedKey = ${client(0).presharedKey}`, "AllowedIPs = 10.8.0.2/32")}

# Bob Müller
${peer(1, "AllowedIPs = 10.8.0.3")}
`;
  expect(parse(text)).toEqual({
    format: "wg-quick",
    serverPublicKey: server.publicKey,
    refused: [],
    entries: [
      {
        name: "alice",
        publicKey: client(0).publicKey,
        presharedKey: client(0).presharedKey,
        addresses: ["10.8.0.2/32"],
      },
      { name: "bob-muller", publicKey: client(1).publicKey, addresses: ["10.8.0.3/32"] },
    ],
    notes: [`bob-muller (line 13): is called "Bob Müller" in the file`],
  });
});

const id = "0b8e7f39-9cf3-4c51-8b41-3a0c0dbd2f0a";
test.each([
  ["angristan", "### Client alice", ""],
  ["Nyr", "# BEGIN_PEER alice", "# END_PEER alice"],
  ["PiVPN", "### begin alice ###", "### end alice ###"],
  ["wg-easy", `# Client: alice (${id})`, ""],
  ["a plain word", "# alice", ""],
  ["key = value", "# Name = alice", ""],
  ["key = value apart from its peer", "# Name: alice\n", ""],
  ["a ruler around it", "#### alice ####", ""],
  ["a settings comment beside it", "# alice\n# Endpoint = 192.0.2.1:1", ""],
])("the name is found as %s writes it", (_, before, after) => {
  const text = `${INTERFACE}\n# bob\n${peer(1, "AllowedIPs = 10.8.0.3/32")}\n\n${before}\n${peer(0, "AllowedIPs = 10.8.0.2/32")}\n${after}\n\n# carol\n${peer(2, "AllowedIPs = 10.8.0.4/32")}\n`;
  expect(parse(text).entries.map(({ name }) => name)).toEqual(["bob", "alice", "carol"]);
});

test.each([
  ["inside the section", "[Peer]\n# alice\nPublicKey = K\nAllowedIPs = 10.8.0.2/32"],
  ["behind a value", "[Peer]\nPublicKey = K # alice\nAllowedIPs = 10.8.0.2/32"],
  ["behind the header", "[Peer] # alice\nPublicKey = K\nAllowedIPs = 10.8.0.2/32"],
  ["after the last line", "[Peer]\nPublicKey = K\nAllowedIPs = 10.8.0.2/32\n# alice\n"],
  [
    "by WireGuard Portal",
    "[Peer]\n# friendly_name = alice\n# -WGP- Peer: K\n# -WGP- PrivateKey: P\nPublicKey = K\nAllowedIPs = 10.8.0.2/32",
  ],
])("the name is found %s", (_, section) => {
  const filled = section.replaceAll("K", client(0).publicKey).replace(": P\n", `: ${client(0).privateKey}\n`);
  // "PublicKey" has a K of its own.
  const text = filled.replaceAll(`Public${client(0).publicKey}ey`, "PublicKey");
  const parsed = parse(`${INTERFACE}\n${text}\n\n# bob\n${peer(1, "AllowedIPs = 10.8.0.3/32")}\n`);
  expect(parsed.entries.map(({ name }) => name)).toEqual(["alice", "bob"]);
});

test("a heading over the peers is nobody's name, nor is a comment with a key in it", () => {
  const text = `${INTERFACE}\n# Peers of the office\n\n# ${client(0).privateKey}\n${peer(0, "AllowedIPs = 10.8.0.2/32")}\n`;
  const { entries, notes } = parse(text);
  expect(entries[0]?.name).toMatch(/^client-[0-9a-f]{8}$/);
  expect(notes).toEqual([`${entries[0]?.name} (line 9): has no name in the file, so it is named by its key`]);
});

test("a comment with a key in it does not hide the name beside it", () => {
  const text = `${INTERFACE}\n# alice\n# ${client(0).privateKey}\n${peer(0, "AllowedIPs = 10.8.0.2/32")}\n`;
  expect(parse(text).entries[0]?.name).toBe("alice");
});

test("only the client's own IPv4 addresses are kept; each one that is not is said", () => {
  const { entries, notes } = parse(
    `${INTERFACE}\n# a\n${peer(0, "AllowedIPs = 10.8.0.2/32, fd00::2/128", "AllowedIPs = 192.168.7.0/24")}\n`,
  );
  expect(entries[0]?.addresses).toEqual(["10.8.0.2/32"]);
  expect(notes).toEqual([
    'a (line 7): the IPv6 address "fd00::2/128" is left out: inside the tunnel there is only IPv4',
    'a (line 7): the network "192.168.7.0/24" is left out: the cluster routes nothing behind a client',
  ]);
});

test("what cannot be a client is refused with its line, and nothing else is lost by it", () => {
  const zero = Buffer.alloc(32).toString("base64");
  const text = `${INTERFACE}
# v6
${peer(0, "AllowedIPs = fd00::2/128")}
# twice
${peer(1, "AllowedIPs = 10.8.0.3/32")}
${peer(1, "AllowedIPs = 10.8.0.4/32")}
[Peer]
PublicKey = ${zero}
AllowedIPs = 10.8.0.5/32
[Peer]
AllowedIPs = 10.8.0.6/32
# short
${peer(2, "PresharedKey = abc", "AllowedIPs = 10.8.0.7/32")}
`;
  const { entries, refused } = parse(text);
  expect(entries.map(({ name }) => name)).toEqual(["twice"]);
  const unusable = expect.stringContaining("its public key is missing or not usable");
  expect(refused).toEqual([
    { where: "line 14", reason: "it has the same public key as line 11" },
    { where: "line 17", reason: unusable },
    { where: "line 20", reason: unusable },
    {
      where: "line 7 (v6)",
      reason: "it has no IPv4 address of its own (one with /32): is the file a client's, not a server's?",
    },
    {
      where: "line 23 (short)",
      reason: "presharedKey is not a preshared key (32 bytes in base64, not all zero)",
    },
  ]);
});

test("the old server's own settings are named and left out", () => {
  const text = `${INTERFACE}PostUp = iptables -A FORWARD\nMTU = 1420\nJc = 4\n\nstray\n# [Peer]\n# PublicKey = ${client(1).publicKey}\n\n# site\n${peer(0, "Endpoint = 192.0.2.1:51820", "AllowedIPs = 10.8.0.2/32")}\n`;
  expect(parse(text).notes).toEqual([
    "line 9 is left out: it is not of the form key = value",
    "line 10: a peer that is commented out is left out",
    "[Interface]: postup, mtu left out; the cluster's configuration decides that here",
    "[Interface] has AmneziaWG's settings: its clients do not talk to a WireGuard server as they are",
    "line 14: Endpoint left out; servers here never call, so a site that expects it has to call itself",
  ]);
});

test("Windows' line ends and byte order mark change nothing", () => {
  const text = `${INTERFACE}\n# alice\n${peer(0, "AllowedIPs = 10.8.0.2/32")}\n`;
  expect(parse(`\uFEFF${text.replaceAll("\n", "\r\n")}`)).toEqual(parse(text));
});

test("no private key comes out, wherever in the file it stands", () => {
  const line = fc.constantFrom(
    "[Interface]",
    "[Peer]",
    "",
    "# alice",
    ...secrets.flatMap((key) => [
      `PrivateKey = ${key}`,
      `# PrivateKey = ${key}`,
      `# ${key}`,
      `# Name = ${key}`,
      `AllowedIPs = ${key}`,
      `${key}`,
      `Endpoint = ${key}`,
      `${key} = 5`,
    ]),
    `PublicKey = ${client(0).publicKey}`,
    "AllowedIPs = 10.8.0.2/32",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 25 }), (lines) => {
      const answer = JSON.stringify(parse(`[Interface]\n${lines.join("\n")}`)).toLowerCase();
      for (const secret of secrets) expect(answer).not.toContain(secret.slice(0, 30).toLowerCase());
    }),
    { numRuns: 300 },
  );
});

test("nothing of the file reaches a terminal as it is: no escape sequence, no turned writing, no key", () => {
  const { privateKey } = client(3);
  const wanted = [
    `fe80::1%\u001b]0;pwned\u0007/128`,
    `::1%${privateKey}/128`,
    `${privateKey}`,
    "evil\u009b2J\u202e",
    `fe80::2%\u009b2J\u202e/128`,
  ];
  const { notes } = parseImport(
    `[Interface]\nPrivateKey = ${server.privateKey}\n[Peer]\n# a\nPublicKey = ${client(0).publicKey}\nAllowedIPs = 10.8.0.2/32, ${wanted.join(", ")}\n`,
    { now: NOW },
  );
  const all = notes.join("\n");
  expect(notes).toHaveLength(wanted.length);
  expect(all).toContain("(a text that may hold a key)");
  expect(all).not.toContain(privateKey);
  expect(all).not.toMatch(/[^\n\P{Cc}]|[\u202a-\u202e]/u);
  expect(all).toContain(String.raw`"evil\x9b2J\u202e"`);
});
