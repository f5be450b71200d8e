// Adds to package-lock.json the optional platform packages (macOS, Windows, musl ...) that npm leaves out when the
// registry mirror it ran against does not carry them. Without their entries `npm ci` calls the lock file out of date,
// on every machine. Run it after each `npm install`: `npm run lock`.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const OS = ["android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const CPU = {
  x64: "x64",
  arm64: "arm64",
  arm: "arm",
  "arm-eabi": "arm",
  ia32: "ia32",
  loong64: "loong64",
  ppc64: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  wasm32: "wasm32",
};

let added = 0;
for (const entry of Object.values({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path]) continue;
    const os = OS.find((candidate) => name.includes(`-${candidate}-`));
    const cpu = Object.keys(CPU)
      .sort((a, b) => b.length - a.length)
      .find((c) => name.includes(`-${c}`));
    if (!os || !cpu) continue; // an optional package of another kind: npm decides
    const dev = entry.dev ? { dev: true } : {};
    lock.packages[path] = {
      version: version.replace(/^[\^~]/, ""),
      cpu: [CPU[cpu]],
      ...dev,
      optional: true,
      os: [os],
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.error(`package-lock.json: ${added} platform packages added`);
