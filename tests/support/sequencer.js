// The longest test files begin first. Without a cache of an earlier run jest goes by the files' sizes, and a short file that
// tries thousands of faults begins last, when all other workers have nothing left to do.
const Sequencer = require("@jest/test-sequencer").default;

const LONGEST = [
  "lab/boot/boot",
  "lab/cluster",
  "lab/routed",
  "lab/moves",
  "agent/integration",
  "agent/takeover/integration",
  "registry/faults",
  "registry/processes",
  "plan/against-program",
  "plan/faults",
  "verify/plan",
  "cli/commands",
  "cli/plan-options",
].map((name) => `/tests/${name}.test.ts`);

module.exports = class extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const at = LONGEST.findIndex((name) => path.endsWith(name));
      return at < 0 ? LONGEST.length : at;
    };
    return super.sort(tests).toSorted((one, other) => rank(one) - rank(other));
  }
};
