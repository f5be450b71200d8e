// The fault tests without a test runner: for a machine that has little more than Node.js and the file system in question.
//   WGC_TEST_REGISTRY_ROOT=/mnt/registry node faults.js [kill,power,...] [operation,...]
// prints one JSON line for each operation and fault; the exit code is 1 when anything went wrong.

import { promises as fs } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Fault } from "../faults/disk";
import { tryEverywhere } from "../faults/trial";
import { fill, operations } from "../faults/world";

const [faults = "kill,torn,power,ENOSPC,EIO", only] = process.argv.slice(2);

async function main(): Promise<void> {
  const workshop = await fs.mkdtemp(join(process.env["WGC_TEST_REGISTRY_ROOT"] ?? tmpdir(), "wgc-faults-"));
  const prepared = join(workshop, "prepared");
  await fs.mkdir(prepared);
  await fill(prepared);
  for (const fault of faults.split(",") as Fault[]) {
    for (const operation of operations) {
      if (only !== undefined && !only.split(",").includes(operation.name)) continue;
      const verdict = await tryEverywhere(workshop, prepared, operation, fault);
      console.log(JSON.stringify(verdict));
      if (verdict.problems.length > 0) process.exitCode = 1;
    }
  }
  await fs.rm(workshop, { recursive: true });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
