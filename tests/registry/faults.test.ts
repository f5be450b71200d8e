import { promises as fs } from "node:fs";
import { join } from "node:path";
import { patient } from "../support/slow";
import { type Fault, run } from "./faults/disk";
import { listing, tryEverywhere } from "./faults/trial";
import { fill, operations } from "./faults/world";
import { folders } from "./support";

/** In the virtual machine (WGC_SLOW) and on its file server each of 2,600 runs takes seconds. */
const STRIDE = patient(1) > 1 ? 7 : 1;
const folder = folders();
let prepared = "";
beforeAll(async () => {
  prepared = join(folder(), "prepared");
  await fs.mkdir(prepared);
  await fill(prepared);
}, 60_000);

const FAULTS: readonly Fault[] = ["kill", "torn", "power", "ENOSPC", "EIO"];

describe.each(FAULTS)("%s", (fault) => {
  test.each(operations.map((operation) => [operation.name, operation] as const))(
    "at each step of: %s",
    async (_, operation) => {
      const verdict = await tryEverywhere(folder(), prepared, operation, fault, STRIDE);
      expect(verdict.problems).toEqual([]);
      expect(verdict.runs).toBeGreaterThanOrEqual(fault === "torn" ? 4 : Math.floor(20 / STRIDE));
      // Both must have happened: else the fault was never where it matters.
      expect(verdict.undone).toBeGreaterThan(0);
      expect(verdict.completed).toBeGreaterThan(0);
    },
    240_000,
  );
});

test.each(operations.map((operation) => [operation.name, operation] as const))(
  "on a file system that is read-only, nothing is written and the error says so: %s",
  async (_, operation) => {
    const root = join(folder(), "readonly");
    await fs.cp(prepared, root, { recursive: true });
    await operation.before?.(root);
    const before = await listing(root);
    const { outcome } = await run(() => operation.run(root, "some-request"), "EROFS", 1);
    expect(outcome?.error).toMatchObject({ kind: "storage", problem: expect.stringContaining("read-only") });
    expect(await listing(root)).toBe(before);
  },
);
