// A writer in a process of its own: `init`, or a row of changes, each acknowledged with a line when it is done.
// WGC_CRASH_AT=n kills the process (SIGKILL) just before its n-th call that changes the file system.

import { promises as fs } from "node:fs";
import { initRegistry } from "../../../registry/init";
import { publicKeyOf } from "../../../wireguard/keys";
import { CLUSTER } from "../cluster";
import { LocalWriter } from "../local-writer";

const crashAt = Number(process.env["WGC_CRASH_AT"] ?? Number.POSITIVE_INFINITY);
let calls = 0;
for (const name of ["open", "link", "rename", "rm", "mkdir"] as const) {
  const original = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      if (++calls === crashAt) process.kill(process.pid, "SIGKILL");
      return original.apply(fs, args);
    },
  });
}

const [command, root = "", prefix = "", count = "0"] = process.argv.slice(2);
// The first byte stays the same: its low bits are cleared (RFC 7748), so names that differ there would share a key.
const keyFor = (name: string) => publicKeyOf(Buffer.from(` ${name}`.padEnd(32)).toString("base64"));

async function main(): Promise<void> {
  if (command === "init") {
    console.log(JSON.stringify(await initRegistry(root, CLUSTER)));
    return;
  }
  const writer = new LocalWriter(root, { staleMs: 2000, waitMs: 60_000 });
  for (let i = 0; i < Number(count); i++) {
    const name = `${prefix}${i}`;
    const client = await writer.add({ name, publicKey: keyFor(name) });
    console.log(`added ${name} ${client.addresses[0]}`);
    if (command === "churn" && i % 3 === 1) {
      await writer.revoke(name);
      console.log(`revoked ${name}`);
    }
    if (command === "churn" && i % 3 === 2) {
      await writer.remove(name);
      console.log(`removed ${name}`);
    }
  }
  console.log(`calls ${calls}`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
