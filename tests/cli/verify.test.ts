import { readHealth } from "../../cli/verify/health";
import { type TestClient, type VerifyWorld, verifyCluster } from "../../cli/verify/steps";
import { renderReport } from "../../cli/verify-command";
import { namespaceTest, stepsOf, temporaryFolder } from "../agent/namespace";
import { wgc } from "./support";

/** A cluster of two healthy servers that notes what is done to it. */
function cluster(changes: Partial<VerifyWorld> = {}, client: Partial<TestClient> = {}) {
  const done: string[] = [];
  const draining = new Set<string>();
  const world: VerifyWorld = {
    label: "stack dev",
    addresses: async () => ["192.0.2.10", "192.0.2.20"],
    servers: async () => ["i-1", "i-2"],
    join: async (name) => {
      done.push(`add ${name}`);
      return {
        handshakes: async () => [
          { address: "192.0.2.10", ms: 12.4 },
          { address: "192.0.2.20", ms: 15 },
        ],
        longestGap: async (during) => during().then(() => 800),
        server: async () => "i-2",
        remove: async () => void done.push(`remove ${name}`),
        ...client,
      };
    },
    health: async (server) => ({ status: draining.has(server) ? "draining" : "ok", reasons: [] }),
    drain: async (server, on) => {
      done.push(`${on ? "drain" : "undrain"} ${server}`);
      if (on) draining.add(server);
      else draining.delete(server);
    },
    sleep: async () => undefined,
    ...changes,
  };
  const enough = new AbortController();
  const run = (drain: boolean) =>
    verifyCluster(world, { name: "verify-1", drain, progress: () => undefined, signal: enough.signal });
  return { done, run, enough };
}
const failed = (report: Awaited<ReturnType<typeof verifyCluster>>) =>
  report.steps.filter(({ ok }) => !ok).map(({ step, found }) => `${step}: ${found}`);

test("a cluster that works: every step, and the client is removed", async () => {
  const { done, run } = cluster();
  const report = await run(false);
  expect(renderReport(report).split("\n")).toEqual([
    "✓ endpoint: 192.0.2.10, 192.0.2.20",
    "✓ client: verify-1 is in the registry",
    "✓ handshake: 192.0.2.10 in 12 ms, 192.0.2.20 in 15 ms",
    "✓ health: i-1 ok, i-2 ok",
    "✓ cleanup: removing verify-1",
    "stack dev works",
    "",
  ]);
  expect(done).toEqual(["add verify-1", "remove verify-1"]);
});

test("one active server and a standby are a cluster that works", async () => {
  const health = async (server: string) => ({ status: server === "i-1" ? "ok" : "standby", reasons: [] });
  const report = await cluster({ health }).run(false);
  expect([report.ok, failed(report)]).toEqual([true, []]);
});

test("with --drain the client's own server is drained, watched, and put back before the client goes", async () => {
  const { done, run } = cluster();
  const report = await run(true);
  expect([report.ok, report.steps.at(-3)?.found]).toEqual([
    true,
    "i-2 is out of service; the client was without an answer for 0.8 s at most",
  ]);
  expect(done).toEqual(["add verify-1", "drain i-2", "undrain i-2", "remove verify-1"]);
});

test.each<[string, Parameters<typeof cluster>, string, string[]]>([
  [
    "a name without addresses",
    [{ addresses: async () => [] }],
    "endpoint: the endpoint's name has no address",
    [],
  ],
  [
    "an address that does not answer",
    [
      {},
      {
        handshakes: async () => [
          { address: "192.0.2.10", ms: 9 },
          { address: "192.0.2.20", ms: undefined },
        ],
      },
    ],
    "handshake: no answer from 192.0.2.20; is UDP let out here, and in there (wgc:clientSourceRanges)?",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "no servers",
    [{ servers: async () => [] }],
    "health: no server has reported in the last half minute",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "a server that is not well",
    [
      {
        health: async (server) => ({
          status: server === "i-1" ? "unhealthy" : "degraded",
          reasons: ["the firewall is not loaded"],
        }),
      },
    ],
    "health: i-1 unhealthy: the firewall is not loaded",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "standbys alone",
    [{ health: async () => ({ status: "standby", reasons: [] }) }],
    "health: no server serves: i-1 standby, i-2 standby",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "one server only",
    [{ servers: async () => ["i-2"] }],
    "drain: there is one server only: draining it would leave none",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "a client whose server nobody knows",
    [{}, { server: async () => undefined }],
    "drain: no server has recorded the client's session, so draining one would not show that the client goes on; are records kept (wgc:takeover)?",
    ["add verify-1", "remove verify-1"],
  ],
  [
    "a client that is cut off by a drain",
    [{}, { longestGap: async (during) => during().then(() => 20_001) }],
    "drain: the client was without an answer for 20.0 s",
    ["add verify-1", "drain i-2", "undrain i-2", "remove verify-1"],
  ],
])("%s ends the test, and what was begun is put back", async (_, [changes, client], fault, done) => {
  const tried = cluster(changes, client);
  const report = await tried.run(true);
  expect([report.ok, failed(report), tried.done]).toEqual([false, [fault], done]);
});

test("an operator who has had enough: no step begins any more, the wait ends, and what was begun is put back", async () => {
  const { done, run, enough } = cluster({
    sleep: async (_, signal) => {
      enough.abort();
      signal.throwIfAborted();
    },
  });
  expect(failed(await run(true))).toEqual(["drain: interrupted"]);
  expect(done).toEqual(["add verify-1", "drain i-2", "undrain i-2", "remove verify-1"]);
  const early = cluster();
  early.enough.abort();
  expect(failed(await early.run(true))).toEqual(["endpoint: interrupted"]);
  expect(early.done).toEqual([]);
});

test("a drain that fails half-way is taken back, and a cleanup that fails does not keep the next from running", async () => {
  const done: string[] = [];
  const { run } = cluster(
    {
      drain: async (server, on) => {
        done.push(`${on ? "drain" : "undrain"} ${server}`);
        throw new Error("the session broke off");
      },
    },
    { remove: async () => void done.push("remove") },
  );
  const report = await run(true);
  expect(done).toEqual(["drain i-2", "undrain i-2", "remove"]);
  expect(failed(report)).toEqual(["drain: the session broke off", "cleanup: the session broke off"]);
});

test("health is read out of what a session prints around it", () => {
  const session =
    'Starting session with SessionId: alice-0\n{"status":"degraded","reasons":["the clock is late"]}\n\nExiting session\n';
  expect(readHealth(session)).toMatchObject({ status: "degraded", reasons: ["the clock is late"] });
  expect(() => readHealth("Starting session\ncurl: (7) Failed to connect\n")).toThrow(
    "curl: (7) Failed to connect",
  );
  expect(() => readHealth("")).toThrow("the agent gave no answer: nothing was printed");
});

test.each([
  [["verify"], 2, "say what to try: either --stack <name> or --lab"],
  [["verify", "--lab", "--stack", "dev"], 2, "say what to try: either --stack <name> or --lab"],
])(
  "%j is refused",
  async (args, code, message) => {
    const ended = await wgc(args);
    expect([ended.code, ended.stdout]).toEqual([code, ""]);
    expect(ended.stderr).toContain(message);
  },
  120_000,
);

const folder = temporaryFolder();
namespaceTest(
  "a real WireGuard answers the handshake of a client that it knows, and of nobody else",
  async () => {
    expect(await stepsOf(folder, "handshake")).toEqual([
      "a stranger gets no answer",
      "a client is answered, and the server has the session",
      "who has another key than the cluster's does not count",
    ]);
  },
  60_000,
);
