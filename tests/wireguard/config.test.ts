import fc from "fast-check";
import {
  parseConfig,
  renderClientConfig,
  renderConfig,
  type WgConfig,
  WgConfigError,
} from "../../wireguard/config";
import { generateKeyPair } from "../../wireguard/keys";
import { anyKey } from "./arbitraries";

const cidr = fc.oneof(
  fc.ipV4().map((ip) => `${ip}/32`),
  fc.ipV6().map((ip) => `${ip}/128`),
  fc.constant("10.0.0.0/8"),
);
const port = fc.integer({ min: 0, max: 65535 });
const config: fc.Arbitrary<WgConfig> = fc.record({
  interface: fc.record(
    { privateKey: anyKey, addresses: fc.array(cidr), dns: fc.array(fc.ipV4()), mtu: port, listenPort: port },
    { requiredKeys: ["privateKey", "addresses", "dns"] },
  ),
  peers: fc.array(
    fc.record(
      {
        publicKey: anyKey,
        presharedKey: anyKey,
        endpoint: fc.constantFrom("vpn.example.org:51820", "[2001:db8::1]:51820"),
        allowedIps: fc.array(cidr),
        persistentKeepalive: port,
      },
      { requiredKeys: ["publicKey", "allowedIps"] },
    ),
    { maxLength: 3 },
  ),
});

test("parse(render(x)) = x", () => {
  fc.assert(fc.property(config, (value) => expect(parseConfig(renderConfig(value))).toEqual(value)));
});

test("a client's file, word for word", () => {
  const key = Buffer.alloc(32, 1).toString("base64");
  const server = Buffer.alloc(32, 2).toString("base64");
  const input = {
    privateKey: key,
    addresses: ["10.100.0.2/32"],
    dns: ["10.0.0.2"],
    mtu: 1420,
    serverPublicKey: server,
    endpoint: "vpn.example.org:51820",
    allowedIps: ["10.0.0.0/16", "10.100.0.0/16"],
    persistentKeepalive: 25,
  };
  expect(renderClientConfig(input)).toBe(
    `[Interface]\nPrivateKey = ${key}\nAddress = 10.100.0.2/32\nDNS = 10.0.0.2\nMTU = 1420\n\n` +
      `[Peer]\nPublicKey = ${server}\nEndpoint = vpn.example.org:51820\nAllowedIPs = 10.0.0.0/16, 10.100.0.0/16\nPersistentKeepalive = 25\n`,
  );
  expect(renderClientConfig({ ...input, presharedKey: key })).toContain(`\nPresharedKey = ${key}\n`);
});

test("comments, case, split lists and `off` are read as wg reads them", () => {
  const { privateKey, publicKey } = generateKeyPair();
  const text = `# mine\r\n[INTERFACE]\nprivatekey=${privateKey} # secret\n[peer]\nPublicKey = ${publicKey}\nAllowedIPs = 10.0.0.0/8\nallowedips = fd00::/8\nPersistentKeepalive = off\n`;
  expect(parseConfig(text)).toEqual({
    interface: { privateKey, addresses: [], dns: [] },
    peers: [{ publicKey, allowedIps: ["10.0.0.0/8", "fd00::/8"], persistentKeepalive: 0 }],
  });
});

const good = `[Interface]\nPrivateKey = ${Buffer.alloc(32, 1).toString("base64")}\n`;
test.each([
  ["no interface", "", "there is no [Interface] section"],
  ["a value outside of a section", "MTU = 1420", "line 1: expected [Interface] or [Peer]"],
  ["no private key", "[Interface]\nMTU = 1420", "line 1: the section has no privatekey"],
  ["a bad key", "[Interface]\nPrivateKey = abc", "line 2: privatekey is not a key (32 bytes in base64)"],
  [
    "an unknown key",
    `${good}Colour = red`,
    "line 3: expected one of privatekey, address, dns, mtu, listenport = value",
  ],
  ["a number that is too large", `${good}MTU = 70000`, "line 3: mtu is not a number from 0 to 65535"],
  ["a second interface", `${good}[Interface]`, "line 3: a second [Interface] section"],
  ["a key given twice", `${good}MTU = 1\nMTU = 2`, "line 4: mtu is there twice"],
  [
    "an address that is none",
    `${good}Address = 10.0.0.1.2/8`,
    "line 3: 10.0.0.1.2/8 is not an address range",
  ],
])("%s is refused", (_, text, message) => {
  expect(() => parseConfig(text)).toThrow(new WgConfigError(message));
});
