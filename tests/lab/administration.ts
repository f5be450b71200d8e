import type { Response } from "../../control/protocol";
import { generateKeyPair } from "../../wireguard/keys";
import { CLIENTS, type Cluster } from "./cluster";
import { eventually } from "./support";

/** What the control function and the servers may do with the registry. */
export function administrationTests(cluster: Cluster): void {
  const ask = (operation: string, input: unknown, more: object = {}) =>
    cluster.lab.call<Response>("control", { version: 1, operation, input, ...more });
  /** The answer's result; a refusal fails the test. */
  async function answered<T>(operation: string, input: unknown): Promise<T & { revision: number }> {
    const response = await ask(operation, input);
    if (!response.ok) throw new Error(JSON.stringify(response.error));
    return { ...(response.result as T), revision: response.revision };
  }

  cluster.test("the control function lists the clients that joined", async () => {
    const { clients } = await answered<{ clients: { name: string }[] }>("list", {});
    expect(clients.map(({ name }) => name)).toEqual([...CLIENTS].sort());
  });

  cluster.test("a server writes its records and nothing else: the registry is read-only to it", async () => {
    const { lab } = cluster;
    const tries = [
      "echo x >/mnt/wgc/registry/clients/mallory.json",
      "rm /mnt/wgc/registry/clients/alice.json",
      "echo x >/mnt/wgc/registry/server/private.key",
      "echo x >/mnt/wgc/registry/runtime/nodes/x",
    ];
    for (const script of tries) {
      const { code, stderr } = await lab.exec("s1", "sh", "-c", script);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining("Read-only file system")]);
    }
    await lab.sh("s1", "touch /mnt/wgc/runtime/x && rm /mnt/wgc/runtime/x");
    // Mounted once more without the option it is no more writable: the role has no right to write there.
    const entry = "set -- $(grep ' /mnt/wgc/registry ' /etc/fstab); mkdir -p /mnt/again";
    const again = `mount -t efs -o "$(echo "$4" | sed 's/.*tls/tls/')" "$1" /mnt/again && echo x >/mnt/again/x`;
    try {
      const { code, stderr } = await lab.exec("s1", "sh", "-c", `${entry}; ${again}`);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining("Read-only file system")]);
    } finally {
      await lab.sh("s1", "umount /mnt/again");
    }
  });

  cluster.test(
    "a change through the control function is on every server, and the function sees it there",
    async () => {
      const { publicKey } = generateKeyPair();
      await answered("add", { name: "erin", publicKey });
      const everywhere = (known: boolean) =>
        eventually(
          async () => {
            const peers = await Promise.all((await cluster.serverNames()).map((name) => cluster.peers(name)));
            return peers.every((keys) => keys.includes(publicKey) === known) || undefined;
          },
          `every server to ${known ? "know" : "forget"} the client`,
        );
      await everywhere(true);
      const { revision } = await answered("remove", { name: "erin" });
      await everywhere(false);
      // Records of servers that have ended stay for a while, at the revision that they had.
      const running = (await cluster.lab.status()).servers.map(({ instance }) => instance);
      expect(running).toHaveLength(3);
      await eventually(async () => {
        const { nodes } = await answered<{ nodes: { instance: string; revision: number }[] }>("status", {});
        const current = nodes.filter((node) => node.revision >= revision).map(({ instance }) => instance);
        return running.every((instance) => current.includes(instance)) || undefined;
      }, "the function to see what every server applied");
    },
  );

  cluster.test("what the function refuses comes back as its answer", async () => {
    expect(await ask("show", { name: "alcie" })).toMatchObject({
      ok: false,
      error: { code: "unknown-client", suggestion: "alice" },
    });
    expect(await ask("show", { name: "alice" }, { version: 2 })).toMatchObject({
      ok: false,
      error: { code: "unsupported-version" },
    });
  });
}
