// Folders for everything that tests put on the disk or into memory; they go when the tests end, however they end.
const { accessSync, constants, mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

const MEMORY = "/dev/shm"; // shm_overview(7): a file system in memory

function mayWrite(folder) {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

module.exports = () => {
  const folder = mkdtempSync(join(tmpdir(), "wgc-tests-"));
  const memory = mayWrite(MEMORY) ? mkdtempSync(join(MEMORY, "wgc-tests-")) : undefined;
  // Workers, and what they start, inherit them.
  process.env.TMPDIR = folder;
  process.env.WGC_TEST_MEMORY = memory ?? folder;
  globalThis.removeTemporary = () => {
    for (const made of [folder, memory]) if (made) rmSync(made, { recursive: true, force: true });
  };
};
