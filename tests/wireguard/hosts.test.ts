import fc from "fast-check";
import { isDnsEntry, isEndpoint, isHostName } from "../../wireguard/hosts";

test.each([
  "vpn.example.org:51820",
  "vpn:1",
  "192.0.2.1:65535",
  "[2001:db8::1]:51820",
  "a-1.b2.example.:51820",
])("%j is an endpoint", (text) => expect(isEndpoint(text)).toBe(true));

test.each([
  "noport",
  "vpn.example.org",
  "vpn.example.org:",
  "vpn.example.org:0",
  "vpn.example.org:65536",
  "vpn.example.org:51820\nPostUp = id",
  "vpn.example.org\nPostUp = id\n:51820",
  "vpn.example.org:51820 ",
  " vpn.example.org:51820",
  "vpn.example.org#:51820",
  "2001:db8::1:51820",
  "[fe80::1%eth0]:51820",
  "[192.0.2.1]:51820",
  "999.0.2.1:51820",
  "-a.example:51820",
  "a..example:51820",
  ":51820",
  "",
])("%j is no endpoint", (text) => expect(isEndpoint(text)).toBe(false));

test.each(["1.1.1.1", "fd00::53", "corp.example.org", "corp"])("%j is a DNS entry", (text) =>
  expect(isDnsEntry(text)).toBe(true),
);

test.each([
  "1.1.1.1\nPostUp = id",
  "1.1.1.1, 8.8.8.8",
  "999.999.999.999",
  "foo..bar",
  "-",
  ":::",
  "a:b",
  "fe80::1%eth0",
  "1.1.1.1#x",
  "",
  "ä.example",
])("%j is no DNS entry", (text) => expect(isDnsEntry(text)).toBe(false));

test("nothing with a character that means something in a configuration file is a host name", () => {
  const odd = fc.constantFrom(..."\n\r\t #;=,'\"\\$`%\u2028\0");
  fc.assert(
    fc.property(fc.string(), odd, fc.string(), (before, character, after) => {
      const text = before + character + after;
      return !isHostName(text) && !isDnsEntry(text) && !isEndpoint(text);
    }),
  );
});
