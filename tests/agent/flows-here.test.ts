import { FlowsHere } from "../../agent/flows-here";
import { FakeClock } from "./fake-clock";

function setup(drainSeconds = 20) {
  const clock = new FakeClock();
  const server = { inService: true, deregistered: false };
  const flows = new FlowsHere({
    clock,
    healthCheckSeconds: 5,
    drainSeconds,
    inService: () => server.inService,
    deregistered: () => server.deregistered,
  });
  /** What is expected after so many seconds out of service each. */
  const after = async (...seconds: number[]) => {
    const found: boolean[] = [];
    let passed = 0;
    for (const second of seconds) {
      await clock.advance((second - passed) * 1000);
      passed = second;
      found.push(flows.areExpected);
    }
    return found;
  };
  return { after, clock, flows, server };
}

test("flows are expected while the server is in service, and a check interval longer", async () => {
  const { after, server } = setup();
  expect(await after(0, 60)).toEqual([true, true]);
  server.inService = false;
  expect(await after(0, 4.9, 5, 60)).toEqual([true, true, false, false]);
  server.inService = true;
  expect(await after(0)).toEqual([true]);
  server.inService = false;
  expect(await after(0, 4.9, 5)).toEqual([true, true, false]);
});

test.each([
  [20, 15],
  [6, 5],
])(
  "where %d s are for a drain, a deregistered server expects them for %d s: nobody checks it",
  async (drainSeconds, kept) => {
    const { after, server } = setup(drainSeconds);
    Object.assign(server, { inService: false, deregistered: true });
    expect(await after(0, kept - 0.1, kept)).toEqual([true, true, false]);
  },
);
