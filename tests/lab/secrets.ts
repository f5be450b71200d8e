import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { runFolder } from "../../lab/enter";
import { generateKeyPair, generatePresharedKey } from "../../wireguard/keys";
import type { Cluster } from "./cluster";
import { eventually, PROJECT } from "./support";

const read = (file: string): string => {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // a process that has ended, or somebody else's
  }
};

/** Every distinct argument list and environment that processes of this machine have while `work` goes on, looked at all the time. */
async function processesDuring(work: () => Promise<unknown>): Promise<string> {
  const seen = new Set<string>();
  const state = { isDone: false };
  const look = async () => {
    while (!state.isDone) {
      const pids = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
      for (const pid of pids)
        for (const file of ["cmdline", "environ"]) seen.add(read(join("/proc", pid, file)));
      await pause(1);
    }
  };
  const working = work().finally(() => {
    state.isDone = true;
  });
  await Promise.all([working, look()]); // a failure is heard of at once
  return [...seen].join("\n");
}

/** Key material is where it belongs, and nowhere else in a running cluster; in a cluster that can rotate the servers' key. */
export function secretsTests(cluster: Cluster): void {
  async function ask(operation: string, input: object): Promise<unknown> {
    const answer = await cluster.lab.call<{ ok: boolean }>("control", { version: 1, operation, input });
    expect([operation, answer.ok]).toEqual([operation, true]);
    return answer;
  }

  /** Files below /run/lab with this text, or its bytes in hexadecimal digits; numbers that differ from run to run are left out. */
  async function filesWith(secret: string): Promise<string[]> {
    const texts = [secret, secret.replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_")];
    const patterns = [...texts, Buffer.from(secret, "base64").toString("hex")].join("\n");
    // Not as an argument, where it would be found.
    const search = "cd /run/lab && grep -rlF -D skip -f - . || [ $? = 1 ]";
    const found = await cluster.lab.router(search, patterns);
    const names = found.split("\n").filter((name) => name !== "");
    return names.map((name) => name.replace(/^\.\//, "").replace(/efs\/fs-\w+/, "efs")).sort();
  }

  cluster.test("private and preshared keys are in their own files and nowhere else", async () => {
    const { lab } = cluster;
    const servers = await cluster.serverNames();
    const onServers = (file: string) => servers.map((name) => `disks/${name}/var/lib/wgc/${file}`);
    const presharedKey = generatePresharedKey();
    const seen = await processesDuring(async () => {
      await lab.call("join", { name: "newcomer", nat: "strict" });
      await ask("add", { name: "sealed", publicKey: generateKeyPair().publicKey, presharedKey });
      await ask("serverKey", { action: "begin" });
      await eventually(async () => {
        const kept = await lab.router("ls /run/lab/disks/*/var/lib/wgc/next.key 2>/dev/null || :");
        const peers = await Promise.all(servers.map((name) => lab.sh(name, "wg show wg0 preshared-keys")));
        const isApplied =
          kept.trim().split("\n").length === 3 && peers.every((t) => t.includes(presharedKey));
        const copies = await filesWith(presharedKey);
        return (isApplied && copies.length >= 4) || undefined;
      }, "every server to have the new client and the next key");
    });

    const fileOf = (path: string) => lab.router(`cat /run/lab/${path}`).then((text) => text.trim());
    const secrets: [secret: string, places: string[]][] = [
      [presharedKey, ["efs/registry/clients/sealed.json", ...onServers("clients.json")]],
      [
        await fileOf("efs/fs-*/registry/server/private.key"),
        ["efs/registry/server/private.key", ...onServers("server.key")],
      ],
      [
        await fileOf("efs/fs-*/registry/server/next.key"),
        ["efs/registry/server/next.key", ...onServers("next.key")],
      ],
      [
        await fileOf("efs/fs-*/registry/runtime/mesh/key"),
        ["efs/registry/runtime/mesh/key", ...onServers("mesh.key")],
      ],
      [await lab.sh("newcomer", "wg show wg0 private-key"), ["disks/newcomer/etc/wireguard/wg0.conf"]],
    ];
    for (const path of onServers("probe.key")) secrets.push([await fileOf(path), [path]]);
    // So arguments were really looked at: of a process that stays, since one look may take longer than a short one lives.
    expect(seen).toContain("agent.js\0run\0");

    // What left the cluster's own files: what anybody may read, what the lab told, and the plan that it was made from.
    const folder = runFolder(PROJECT, lab.name);
    const told = [
      ...(await Promise.all(["export", "list", "audit", "status"].map((operation) => ask(operation, {})))),
      ...[lab.events, await lab.status()],
      ...readdirSync(folder).map((file) => read(join(folder, file))),
    ];
    const text = `${seen}\n${told.map((one) => JSON.stringify(one)).join("\n")}`;
    for (const [secret, places] of secrets) {
      expect(secret).toMatch(/^[A-Za-z0-9+/]{43}=$/);
      expect(await filesWith(secret)).toEqual([...places].sort());
      // Not the key itself, which a failure would print.
      expect([places[0], text.includes(secret)]).toEqual([places[0], false]);
    }
    await ask("serverKey", { action: "abort" });
    await ask("revoke", { name: "newcomer" });
    await ask("revoke", { name: "sealed" });
  });
}
