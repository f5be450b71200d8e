import { FlowsHere } from "../../agent/flows-here";
import { FakeClock } from "./fake-clock";

function setup(deregistrationDelaySeconds = 30, healthCheckSeconds = 8) {
  const clock = new FakeClock();
  const server = { inService: true, deregistered: false };
  const flows = new FlowsHere({
    clock,
    healthCheckSeconds,
    deregistrationDelaySeconds,
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

test("flows are expected while the server is in service, and until the kernel must be told that they may be gone a check later", async () => {
  const { after, server } = setup();
  expect(await after(0, 60)).toEqual([true, true]);
  server.inService = false;
  expect(await after(0, 2.9, 3, 60)).toEqual([true, true, false, false]);
  server.inService = true;
  expect(await after(0)).toEqual([true]);
  server.inService = false;
  expect(await after(0, 2.9, 3)).toEqual([true, true, false]);
});

test("what the kernel was told last is long enough for checks every five seconds", async () => {
  const { after, server } = setup(30, 5);
  server.inService = false;
  expect(await after(0)).toEqual([false]);
});

test.each([
  [30, 20],
  [11, 1],
])(
  "a deregistered server has a delay of %d s and expects flows for %d s: nobody checks it",
  async (delay, kept) => {
    const { after, server } = setup(delay);
    await after(0);
    Object.assign(server, { inService: false, deregistered: true });
    expect(await after(0, kept - 0.1, kept)).toEqual([true, true, false]);
  },
);

test("an agent that finds its server deregistered does not know since when, and expects no flows", async () => {
  const { after, server } = setup(300, 5);
  Object.assign(server, { inService: false, deregistered: true });
  expect(await after(0)).toEqual([false]);
});

test("flows that may be gone do not come back because the server is deregistered later", async () => {
  const { after, server } = setup();
  server.inService = false;
  expect(await after(0, 4)).toEqual([true, false]);
  server.deregistered = true;
  expect(await after(0)).toEqual([false]);
});
