// One folder for everything that tests put into the system's temporary folder; it goes when they end, however they end.
const { mkdtempSync, rmSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

module.exports = () => {
  const folder = mkdtempSync(join(tmpdir(), "wgc-tests-"));
  process.env.TMPDIR = folder; // workers, and what they start, inherit it
  globalThis.removeTemporary = () => rmSync(folder, { recursive: true, force: true });
};
