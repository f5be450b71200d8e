// Types are checked by `tsc --noEmit`; swc only strips them, which keeps a test run short.
module.exports = {
  globalSetup: "<rootDir>/tests/support/temporary.js",
  globalTeardown: "<rootDir>/tests/support/temporary-end.js",
  testSequencer: "<rootDir>/tests/support/sequencer.js",
  setupFiles: ["<rootDir>/tests/support/seed.js"],
  testEnvironment: "node",
  roots: ["<rootDir>/tests"],
  testMatch: ["**/*.test.ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2023" }, module: { type: "commonjs" } },
    ],
  },
  // Many tests wait for servers, and two cores are then idle; labs are run by two (cli/test-command.ts).
  maxWorkers: 3,
};
