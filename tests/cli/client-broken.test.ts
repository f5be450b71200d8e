import { writeFileSync } from "node:fs";
import { ControlClient } from "../../control/client";
import { folderTransport } from "../../control/transports/folder";
import { registryPaths } from "../../registry/layout";
import { generateKeyPair } from "../../wireguard/keys";
import { Desk } from "./desk";

test.each([["list"], ["list", "--state", "active"], ["list", "--json"], ["export"], ["export", "--csv"]])(
  "%s %s: a client that is left out because its file is broken is told, with exit code 3",
  async (...words) => {
    const desk = await new Desk().open();
    try {
      for (const name of ["alice", "bob"])
        await desk.run("client", "add", name, "--public-key", generateKeyPair().publicKey);
      expect((await desk.run("client", ...words)).code).toBe(0);
      writeFileSync(registryPaths(desk.root).client("alice"), "{");
      desk.control = new ControlClient(folderTransport(desk.root)); // one that has not read the client before
      const { code, err, out } = await desk.run("client", ...words);
      expect([code, out.includes("bob")]).toEqual([3, true]);
      const isJson = words.includes("--json") || words.at(-1) === "export";
      if (isJson) expect(JSON.parse(out).broken).toEqual(["alice"]);
      else expect(out).not.toContain("alice");
      expect(err).toContain(
        "1 client is left out: its file cannot be read (alice); look with: ./wgc registry check\n",
      );
    } finally {
      desk.close();
    }
  },
);

test("a client whose file is broken is not counted, and --all is not said to show it", async () => {
  const desk = await new Desk().open();
  try {
    for (const name of ["alice", "bob", "carol"])
      await desk.run("client", "add", name, "--public-key", generateKeyPair().publicKey);
    writeFileSync(registryPaths(desk.root).client("alice"), "{");
    const list = async (...words: string[]) => {
      desk.control = new ControlClient(folderTransport(desk.root));
      return desk.run("client", "list", ...words);
    };
    expect((await list()).err).toMatch(/^2 clients$/m);
    expect((await list("--all")).err).toMatch(/^2 clients$/m);
    expect((await list("--limit", "1")).err).toMatch(/^2 clients, 1 not shown \(--all shows them\)$/m);
    expect(JSON.parse((await list("--json")).out).total).toBe(2);
  } finally {
    desk.close();
  }
});
