import { writeFileSync } from "node:fs";
import { generateKeyPair } from "../../wireguard/keys";
import { Desk } from "./desk";
import { STACK } from "./support";

let desk: Desk;
beforeAll(async () => {
  desk = await new Desk().open();
  await desk.run("client", "add", "alice", "--out", "FILE:alice.conf");
  writeFileSync(desk.file("notes.txt"), "nothing about clients");
});
afterAll(() => desk.close());

const add = (...more: string[]): string[] => ["client", "add", "bob", "--out", "FILE:bob.conf", ...more];
const WHEN =
  "expected a length of time (12h, 30d, 6w), a date (2027-01-31), a time (2027-01-31T12:00:00Z) or never";

/** What is wrong with the command line itself. */
test.each<[string[], string]>([
  [add("--expires", "soon"), `--expires soon: ${WHEN}`],
  [add("--expires", "2027-02-31"), `--expires 2027-02-31: ${WHEN}`],
  [add("--expires", "2027-13-01T00:00:00Z"), `--expires 2027-13-01T00:00:00Z: ${WHEN}`],
  [add("--expires", "2027-02-31T00:00:00Z"), `--expires 2027-02-31T00:00:00Z: ${WHEN}`],
  [add("--expires", "2027-02-29T12:00:00+01:00"), `--expires 2027-02-29T12:00:00+01:00: ${WHEN}`],
  [add("--expires", "2027-01-01T24:00:00Z"), `--expires 2027-01-01T24:00:00Z: ${WHEN}`],
  [
    add("--expires", "9999-12-31"),
    "--expires 9999-12-31: the last day there is is 9999-12-30; for no end at all: never",
  ],
  [add("--routes", "fe80::1%eth0/64"), "--routes fe80::1%eth0/64: expected ranges in CIDR form"],
  [add("--expires", "-3d"), `--expires -3d: ${WHEN}`],
  [
    add("--expires", "2026-11-20"),
    "--expires 2026-11-20: that is in the past (2026-11-21T00:00:00Z); to end access now: ./wgc client revoke",
  ],
  [add("--routes", "10.0.0.0"), "--routes 10.0.0.0: expected ranges in CIDR form"],
  [add("--routes", "10.0.0.0/16,,x/8"), "--routes x/8: expected ranges in CIDR form"],
  [add("--routes", ""), '--routes "": expected ranges in CIDR form'],
  [
    add("--routes", "10.0.0.0/8", "--full-tunnel"),
    "give only one of --routes, --full-tunnel and --split-tunnel",
  ],
  [add("--full-tunnel", "--split-tunnel"), "give only one of --routes, --full-tunnel and --split-tunnel"],
  [add("--tag", "team"), "--tag team: expected key=value, as in: --tag team=ops"],
  [add("--tag", "=x"), "--tag =x: expected key=value"],
  [
    add("--address", "10.100.0.0/24"),
    "--address 10.100.0.0/24: expected one address, as in: --address 10.100.0.7",
  ],
  [add("--address", "ten"), "--address ten: expected one address"],
  [add("--public-key", "short"), "--public-key: that is no usable public key"],
  [add("--public-key", Buffer.alloc(32).toString("base64")), "--public-key: that is no usable public key"],
  [add("--wait", "0"), "--wait must be a whole number from 1 to 3600, not '0'"],
  [add("--wait", "forever"), "--wait must be a whole number from 1 to 3600, not 'forever'"],
  [
    add("--format", "cisco"),
    "error: option '--format <name>' argument 'cisco' is invalid. Allowed choices are wg-quick,",
  ],
  [add("--qr", "--json"), "a QR code is no JSON; give only one of --qr and --json"],
  [
    ["client", "add", "bob", "--qr", "--out", "-"],
    "standard output takes either the QR code or the configuration",
  ],
  [["client", "add"], "error: missing required argument 'name'"],
  [["client", "add", "bob", "eve"], "error: too many arguments for 'add'"],
  [["client", "ad", "bob"], "error: unknown command 'ad'"],
  [add("--expire", "3d"), "error: unknown option '--expire'"],
  [["client", "qr", "alice"], "error: required option '--private-key-file <file>' not specified"],
  [["client", "config", "alice", "--qr"], "a QR code without the private key is of no use"],
  [
    ["client", "rotate", "alice", "--overlap", "long"],
    "--overlap long: expected a length of time like 90m, 12h, 30d or 6w",
  ],
  [["client", "rotate", "alice", "--overlap", "91d"], "--overlap 91d: 90d is the most"],
  [
    ["client", "rotate", "alice", "--preshared-key-only", "--public-key", generateKeyPair().publicKey],
    "give only one of --preshared-key-only and --public-key",
  ],
  [
    ["client", "rotate", "alice", "--private-key-file", "FILE:alice.conf"],
    "--private-key-file belongs to --preshared-key-only",
  ],
  [["client", "update", "alice"], "say what is to change: --expires,"],
  [
    ["client", "update", "alice", "--tag", "a=b", "--untag", "a"],
    "--untag a: --tag a=... sets it at the same time",
  ],
  [["client", "list", "--state", "gone"], "error: option '--state <state>' argument 'gone' is invalid"],
  [["client", "list", "--limit", "0"], "--limit must be a whole number from 1 to 1000000, not '0'"],
  [["client", "list", "--all", "--limit", "3"], "give only one of --all and --limit"],
  [["client", "list", "--expires-before", "never"], "--expires-before never: give a time"],
  [["client", "export", "--csv", "--json"], "give only one of --json and --csv"],
  [
    ["client", "import", "FILE:notes.txt", "--format", "openvpn"],
    "error: option '--format <name>' argument 'openvpn' is invalid",
  ],
  [["registry", "audit", "--after", "x"], "--after must be a whole number from 0 to 999999999, not 'x'"],
])("%j is wrong usage: one message, exit code 2, nothing changed", async (args, message) => {
  const { code, out, err } = await desk.run(...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err.startsWith(message)).toBe(true);
  expect(err.trimEnd().split("\n").length).toBeLessThanOrEqual(2); // commander suggests on a line of its own
  expect(err).not.toMatch(STACK);
  expect((await desk.json("client", "list"))["total"]).toBe(1);
  expect(desk.has("bob.conf")).toBe(false);
});

/** What the control function refuses, in the words of the command line. */
test.each<[string[], string | RegExp]>([
  [["client", "show", "alcie"], "there is no client alcie; did you mean alice?\n"],
  [["client", "revoke", "alicee", "--yes"], "there is no client alicee; did you mean alice?\n"],
  [["client", "add", "Bob", "--out", "FILE:b.conf"], /^the name .*is not a client name/],
  [["client", "add", "../etc/passwd", "--out", "FILE:b.conf"], /^the name .*is not a client name/],
  [["client", "add", "böb", "--out", "FILE:b.conf"], /^the name .*is not a client name/],
  [["client", "add", "b".repeat(300), "--out", "FILE:b.conf"], /^the name .*is not a client name/],
  [["client", "add", "alice", "--out", "FILE:b.conf"], /^the name already exists/],
  [add("--address", "10.200.0.1"), /^--address .*10\.100\.0\.0\/16/],
  [add("--address", "10.100.0.2"), /^--address .*alice/],
  [add("--address", "10.100.0.1"), /^--address /],
  [add("--dns", "1.1.1.1;rm"), /^--dns is not an address or a search domain/],
  [add("--tag", "a b=c"), /^--tag has a name that is not a tag name/],
  [["client", "list", "--search", "x".repeat(64)], /^--search /],
  [["client", "import", "FILE:nothing.conf"], /nothing\.conf cannot be read: there is no such file\n$/],
  [["client", "import", "FILE:notes.txt"], /notes\.txt: the file is neither a server's wg-quick file/],
])("%j is refused: one message, exit code 1, nothing changed", async (args, message) => {
  const { code, out, err } = await desk.run(...args);
  expect([code, out]).toEqual([1, ""]);
  if (typeof message === "string") expect(err).toBe(message);
  else expect(err).toMatch(message);
  expect(err.trimEnd().split("\n")).toHaveLength(1);
  expect(err).not.toMatch(/input\.|requestKey|undefined/);
  expect((await desk.json("client", "list"))["total"]).toBe(1);
  expect([desk.has("bob.conf"), desk.has("b.conf")]).toEqual([false, false]);
});
