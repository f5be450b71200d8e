import { promises as fs, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ControlClient } from "../../control/client";
import { folderTransport } from "../../control/transports/folder";
import { publicKeyOf } from "../../wireguard/keys";
import { Desk } from "./desk";

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
});
afterEach(() => desk.close());

/** A full disk from the moment on that the feed is written. */
const feedFails = () => {
  const rename = fs.rename.bind(fs);
  return jest
    .spyOn(fs, "rename")
    .mockImplementation((from, to) =>
      String(to).endsWith("changes.json")
        ? Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }))
        : rename(from, to),
    );
};

test("when it is open whether a client was added, its private key is kept, and the command that is named then works", async () => {
  const spy = feedFails();
  const ran = await desk.run("client", "add", "bob", "--out", "FILE:bob.conf", "--preshared-key");
  spy.mockRestore();
  expect([ran.code, ran.out]).toEqual([1, ""]);
  expect(ran.err).toContain("whether the change (add of bob) was made is not known yet");
  const file = /--private-key-file (\S+) the same command works/.exec(ran.err)?.[1] ?? "";
  expect(file).toBe(desk.file("bob.key"));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(desk.has("bob.conf")).toBe(false);
  const privateKey = desk.read("bob.key").trim();
  expect(ran.err).not.toContain(privateKey);
  // It was made, as far as that can be without the feed; and the other case: somebody undid it.
  expect(desk.stored("bob")["publicKey"]).toBe(publicKeyOf(privateKey));
  const again = ["client", "add", "bob", "--out", "FILE:bob.conf", "--private-key-file", "FILE:bob.key"];
  expect((await desk.run(...again)).code).toBe(0);
  expect(desk.read("bob.conf")).toContain(privateKey);
  expect(desk.read("bob.conf")).toContain(String(desk.stored("bob")["presharedKey"]));
  expect((await desk.run("client", "remove", "bob", "--yes")).code).toBe(0);
  expect((await desk.run(...again, "--force")).code).toBe(0);
  expect(desk.stored("bob")["publicKey"]).toBe(publicKeyOf(privateKey));
});

test("a key that is kept does not replace a file that is there", async () => {
  writeFileSync(desk.file("bob.key"), "another key");
  const spy = feedFails();
  const ran = await desk.run("client", "add", "bob", "--out", "FILE:bob.conf");
  spy.mockRestore();
  const [file = ""] = readdirSync(desk.folder).filter((name) => /^bob\.[0-9a-f]{8}\.key$/.test(name));
  expect(ran.err).toContain(`--private-key-file ${desk.file(file)} `);
  expect(desk.read("bob.key")).toBe("another key");
  expect(desk.stored("bob")["publicKey"]).toBe(publicKeyOf(desk.read(file).trim()));
});

test("a refusal that changed nothing keeps no key", async () => {
  desk.control = new ControlClient(folderTransport(join(desk.folder, "elsewhere")));
  const ran = await desk.run("client", "add", "bob", "--out", "FILE:bob.conf");
  expect([ran.code, ran.err.includes("private key")]).toEqual([1, false]);
  expect(readdirSync(desk.folder)).toEqual(["registry"]);
});
