import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Results } from "../../control/answers";
import type { Input, Operation, Response } from "../../control/protocol";
import { generateKeyPair } from "../../wireguard/keys";
import { Cluster } from "./cluster";
import { eventually } from "./support";

/** The registry is lost and comes back from a backup, as docs/operations.md tells it, while servers and clients go on. */
const cluster = new Cluster("restore", { alice: "strict", bob: "strict" });
const REGISTRY = "$(echo /run/lab/efs/fs-*/registry)";
const ROOT = "$(echo /run/lab/efs/fs-*)";
const BACKUP = `${ROOT}/aws-backup-restore_2026-11-22T00-00-00-000Z`;

/** The commands of the runbook, with the lab's place of the file system. */
function runbook(): string {
  const text = readFileSync(join(__dirname, "..", "..", "docs", "operations.md"), "utf8");
  const [, commands = ""] = /### Restore the registry[\s\S]*?```sh\n([\s\S]*?)```/.exec(text) ?? [];
  expect(commands).toContain("cd /mnt/efs\n");
  return `set -e\n${commands.replace("/mnt/efs", ROOT)}`;
}

async function call<O extends Operation>(
  operation: O,
  input: Input<O>,
): Promise<{ revision: number; result: Results[O] }> {
  const request = { version: 1, operation, input };
  const answer = await cluster.lab.call<Response<O>>("control", request);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer;
}

const add = (name: string) => call("add", { name, publicKey: generateKeyPair().publicKey });

/** Resolves when every server says that it has this revision. */
const applied = (revision: number) =>
  eventually(async () => {
    const { nodes } = (await call("status", {})).result;
    return nodes.length === 3 && nodes.every((node) => node.revision === revision) ? true : undefined;
  }, `every server to have revision ${revision}`);

const peersEverywhere = async () => {
  const names = await cluster.serverNames();
  return Promise.all(names.map(async (name) => (await cluster.peers(name)).length));
};

const handshakes = () =>
  Promise.all(["alice", "bob"].map((name) => cluster.lab.sh(name, "wg show wg0 latest-handshakes")));

cluster.test(
  "a registry that was deleted and put back from a backup is taken up again; sessions are not touched",
  async () => {
    await add("before-backup");
    // What EFS-to-EFS backup restores are: the files with their modes, without what came after.
    await cluster.lab.router(`mkdir ${BACKUP} && cp -a ${REGISTRY} ${BACKUP}/`);
    const after = await add("after-backup");
    await applied(after.revision);
    expect(await peersEverywhere()).toEqual([4, 4, 4]);
    const sessions = await handshakes();

    await cluster.lab.router(
      `cd ${REGISTRY} && rm -rf clients addresses keys requests server *.json audit.log`,
    );
    await eventually(async () => {
      const names = await cluster.serverNames();
      const reports = await Promise.all(
        names.map((name) => cluster.lab.sh(name, "curl -s http://127.0.0.1:8080/healthz")),
      );
      return reports.every((report) => JSON.parse(report).status === "degraded") ? true : undefined;
    }, "every server to miss its registry");
    expect(await peersEverywhere()).toEqual([4, 4, 4]);

    await cluster.lab.router(runbook());
    const { findings } = (await call("check", { repair: true })).result;
    expect(findings.map(({ problem }) => problem)).toEqual([
      expect.stringMatching(/has applied .*: the registry was put back to an older state$/),
    ]);
    expect((await call("audit", {})).result.intact).toBe(true);
    const change = await call("update", { name: "before-backup", tags: { restored: "yes" } });
    expect(change.revision).toBeGreaterThan(after.revision);
    await applied(change.revision);
    expect(await peersEverywhere()).toEqual([3, 3, 3]); // "after-backup" is what a backup loses
    expect(await handshakes()).toEqual(sessions);
  },
);
