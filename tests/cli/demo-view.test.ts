import type { DemoView, StepView } from "../../cli/demo-view";
import type { ClientStatus, LabStatus, ServerStatus } from "../../lab/status";
import { labStatus } from "../support/lab-status";

// Colours are decided when the module is loaded; these tests want them, because their codes must not count as width.
process.env["FORCE_COLOR"] = "1";
delete process.env["NO_COLOR"];
const { renderDemo, renderSummary } = require("../../cli/demo-view") as typeof import("../../cli/demo-view");

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character starts a colour code
const COLOUR = /\u001b\[([0-9;]*)m/g;
const plain = (text: string): string => text.replaceAll(COLOUR, "");

const server = (name: string, zone: string, rest: Partial<ServerStatus> = {}): ServerStatus => ({
  ...{
    name,
    zone,
    instance: "i-0",
    address: "10.0.0.1",
    state: "running",
    health: "healthy",
    reason: "HTTP 200",
  },
  ...{ flows: 0, bootTime: 1, boot: [], cut: false },
  ...rest,
});
const client = (name: string, rest: Partial<ClientStatus> = {}): ClientStatus => ({
  ...{
    name,
    nat: "strict",
    address: "198.51.100.10",
    externalPort: 20000,
    tunnelAddress: "10.100.0.2/32",
    via: "192.0.2.10",
    revoked: false,
    server: "s1",
    sent: 20,
    received: 19,
    rtt: 1.26,
  },
  silent: 40,
  ...rest,
});
const zones = ["us-east-1a", "us-east-1b"].map((name, index) => ({
  name,
  publicIp: `192.0.2.${index + 1}0`,
}));
const status = (servers: ServerStatus[], clients: ClientStatus[] = []): LabStatus =>
  labStatus({ zones, servers, clients });
const step = (title: string, state: StepView["state"], milliseconds = 0): StepView => ({
  step: { name: title, title },
  state,
  milliseconds,
});
const view = (rest: Partial<DemoView> = {}): DemoView => ({
  ...{ elapsed: 12_340, steps: [], status: undefined, events: [], width: 100, frame: 0 },
  ...rest,
});
const lines = (rest: Partial<DemoView>): string[] => plain(renderDemo(view(rest))).split("\n");

test("each step shows its state; a running one turns and counts", () => {
  const steps = [
    step("plan", "done", 1234),
    step("boot", "running", 800),
    step("crash", "failed"),
    step("end", "waiting"),
  ];
  expect(lines({ steps }).slice(2, 6)).toEqual(["✓ plan 1.2 s", "⠋ boot 800 ms", "✗ crash", "  end"]);
  expect(lines({ steps, frame: 11 })[3]).toBe("⠙ boot 800 ms");
});

test("before the lab is open there are the title and the steps only", () => {
  expect(lines({ steps: [step("plan", "running", 5)] })).toEqual([
    "wgc demo  12.3 s  ",
    "",
    "⠋ plan 5 ms",
    "",
  ]);
});

test("zones are columns with their servers below, each with its state and its clients", () => {
  const servers = [
    server("s1", "us-east-1a"),
    server("s2", "us-east-1b", { state: "crashed", health: "unhealthy" }),
    server("s3", "us-east-1a", { cut: true }),
    server("s4", "us-east-1b", { state: "booting", health: "unused" }),
    server("s5", "us-east-1a", { health: "draining" }),
    server("s6", "us-east-1b", { health: "initial" }),
    server("s7", "us-east-1a", { state: "failed" }),
  ];
  const clients = [client("alice"), client("bob"), client("carol", { server: "s5" })];
  const rows = lines({ status: status(servers, clients), width: 80 });
  expect(rows.slice(3, 8)).toEqual([
    "us-east-1a 192.0.2.10             us-east-1b 192.0.2.20",
    "● s1  healthy   2 clients         ✗ s2  crashed",
    "○ s3  cut off                     ◌ s4  booting",
    "◍ s5  draining  1 client          ◍ s6  initial   0 clients",
    "✗ s7  failed",
  ]);
});

test("a client that talks shows its round trip, a silent one since when", () => {
  const clients = [
    client("alice"),
    client("bob", { silent: 4200 }),
    client("carol", { silent: undefined, rtt: undefined, server: undefined, received: 0, sent: 3 }),
  ];
  const rows = lines({ status: status([], clients) });
  const head = rows.findIndex((row) => row.startsWith("client"));
  expect(rows.slice(head, head + 4)).toEqual([
    "client   tunnel address   server  round trip    answers",
    "alice    10.100.0.2/32    s1      1.3 ms        19/20",
    "bob      10.100.0.2/32    -       silent 4.2 s  19/20",
    "carol    10.100.0.2/32    -       silent 0 ms   0/3",
  ]);
});

test("the last five events are shown", () => {
  const events = Array.from({ length: 8 }, (_, index) => ({
    at: index * 1000,
    text: `event ${index}`,
    level: "info" as const,
  }));
  expect(lines({ events }).slice(-5)).toEqual(
    [3, 4, 5, 6, 7].map((n) => `${`${n}.0 s`.padEnd(8)}event ${n}`),
  );
});

test.each([20, 40, 57, 80, 200])(
  "no line is wider than %i columns, and no colour stays switched on",
  (width) => {
    const servers = [server("s1", "us-east-1a"), server("s2", "us-east-1b", { health: "unhealthy" })];
    const text = renderDemo(
      view({
        width,
        status: status(servers, [client("alice"), client("a-client-with-a-long-name", { silent: 999_999 })]),
        steps: [step("a title that goes on and on and does not end before the terminal does", "running", 1)],
        events: [{ at: 1, text: "a long event ".repeat(20), level: "bad" }],
      }),
    );
    expect(text).toContain("\u001b[");
    for (const line of text.split("\n")) {
      expect([...plain(line)].length).toBeLessThanOrEqual(width);
      const open = [...line.matchAll(COLOUR)].map(([, code]) => code);
      expect(["22", "39", undefined]).toContain(open.at(-1));
    }
  },
);

test("columns of zones never run into each other", () => {
  const four = ["a", "b", "c", "d"].map((letter, index) => ({
    name: `us-east-1${letter}`,
    publicIp: `192.0.2.${index + 1}0`,
  }));
  const crowded = { ...status(four.map(({ name }) => server("s1", name))), zones: four };
  const row = lines({ status: crowded, width: 80 })[3] ?? "";
  expect(row).toBe("us-east-1a 192.0.2. us-east-1b 192.0.2. us-east-1c 192.0.2. us-east-1d 192.0.2.");
});

test("the summary has a line for everything measured, with its unit and note", () => {
  const text = renderSummary([
    {
      step: { title: "boot" },
      measured: [
        { name: "servers", value: 3, unit: "" },
        { name: "slowest", value: 2345, unit: "ms", note: "of all" },
      ],
    },
    { step: { title: "traffic" }, measured: [{ name: "lost", value: 0, unit: "%" }] },
  ]);
  expect(plain(text).split("\n")).toEqual([
    "✓ boot",
    "    servers                              3",
    "    slowest                          2.3 s  of all",
    "✓ traffic",
    "    lost                               0 %",
  ]);
});
