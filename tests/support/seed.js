// Property tests take the same random cases every time, so that a change is red for what it changed. Look for new cases with
// `WGC_TEST_SEED=random` (and more of them, where a test reads WGC_TEST_RUNS); what fails prints its seed.
const { configureGlobal } = require("fast-check");

const seed = process.env.WGC_TEST_SEED ?? "20261121";
if (seed !== "random") configureGlobal({ seed: Number(seed) });
