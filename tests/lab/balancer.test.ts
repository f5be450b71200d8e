import fc from "fast-check";
import { parseFlows } from "../../lab/balancer/flows";
import { targetIndex } from "../../lab/balancer/hash";
import {
  afterCheck,
  type HealthState,
  INITIAL_HEALTH,
  matchesStatus,
  type TargetHealth,
} from "../../lab/balancer/health";
import { decideRouting, type RoutingTarget } from "../../lab/balancer/routing";
import { NFT, runTool, testWith } from "../support/tool";

const target = (
  address: string,
  zone: string,
  health: HealthState = "healthy",
  draining = false,
): RoutingTarget => ({ address, zone, health, draining });

describe("routing", () => {
  const two = [target("10.0.0.2", "b"), target("10.0.0.1", "a"), target("10.0.0.3", "a", "unhealthy")];

  test("with cross-zone balancing every zone uses the healthy targets of all zones", () => {
    expect(decideRouting(["a", "b"], two, true)).toEqual({
      byZone: { a: ["10.0.0.1", "10.0.0.2"], b: ["10.0.0.1", "10.0.0.2"] },
      failOpen: [],
    });
  });

  test("without it each zone has only its own", () => {
    expect(decideRouting(["a", "b", "c"], two, false)).toEqual({
      byZone: { a: ["10.0.0.1"], b: ["10.0.0.2"], c: [] },
      failOpen: [],
    });
  });

  test("a zone without a healthy target fails open to all of its targets, and only that zone", () => {
    const targets = [
      target("1.1.1.1", "a", "unhealthy"),
      target("1.1.1.2", "a", "initial"),
      target("1.1.1.3", "b"),
    ];
    expect(decideRouting(["a", "b"], targets, false)).toEqual({
      byZone: { a: ["1.1.1.1", "1.1.1.2"], b: ["1.1.1.3"] },
      failOpen: ["a"],
    });
    expect(decideRouting(["a", "b"], targets, true).failOpen).toEqual([]);
  });

  test("a draining target gets no new flows, not even when no other is left", () => {
    const targets = [target("1.1.1.1", "a", "healthy", true), target("1.1.1.2", "a", "unhealthy")];
    expect(decideRouting(["a"], targets, true)).toEqual({ byZone: { a: ["1.1.1.2"] }, failOpen: ["a"] });
    expect(decideRouting(["a"], targets.slice(0, 1), true)).toEqual({ byZone: { a: [] }, failOpen: [] });
  });

  const targets = fc.uniqueArray(
    fc.record({
      address: fc.ipV4(),
      zone: fc.constantFrom("a", "b", "c"),
      health: fc.constantFrom<HealthState>("initial", "healthy", "unhealthy"),
      draining: fc.boolean(),
    }),
    { selector: ({ address }) => address, maxLength: 12 },
  );

  test("an unhealthy target is chosen exactly where no healthy one can be; order of the targets never matters", () => {
    fc.assert(
      fc.property(targets, fc.boolean(), fc.func(fc.integer()), (all, crossZone, order) => {
        const decision = decideRouting(["a", "b", "c"], all, crossZone);
        for (const zone of ["a", "b", "c"]) {
          const eligible = all.filter((t) => !t.draining && (crossZone || t.zone === zone));
          const healthy = eligible.filter(({ health }) => health === "healthy");
          const expected = (healthy.length > 0 ? healthy : eligible).map(({ address }) => address);
          expect(new Set(decision.byZone[zone])).toEqual(new Set(expected));
          expect(decision.failOpen.includes(zone)).toBe(healthy.length === 0 && eligible.length > 0);
        }
        const shuffled = [...all].sort((x, y) => order(x.address) - order(y.address));
        expect(decideRouting(["a", "b", "c"], shuffled, crossZone)).toEqual(decision);
      }),
    );
  });
});

describe("health", () => {
  const run = (checks: readonly boolean[], healthy = 2, unhealthy = 3, from: TargetHealth = INITIAL_HEALTH) =>
    checks.reduce(
      (health, ok) =>
        afterCheck(health, { ok, reason: ok ? "HTTP 200" : "HTTP 503" }, { healthy, unhealthy }),
      from,
    );

  test.each([
    ["initial until enough checks passed", [true], "initial"],
    ["healthy after as many as the threshold says", [true, true], "healthy"],
    ["initial until enough checks failed", [false, false], "initial"],
    ["unhealthy after as many as the threshold says", [false, false, false], "unhealthy"],
    ["a failure breaks a run of passes", [true, false, true], "initial"],
    ["a pass breaks a run of failures", [false, false, true, false, false], "initial"],
    ["a healthy target stays so for fewer failures", [true, true, false, false], "healthy"],
    ["and turns with the last of them", [true, true, false, false, false], "unhealthy"],
    ["an unhealthy one comes back after the healthy threshold", [false, false, false, true, true], "healthy"],
    ["but not before", [false, false, false, true], "unhealthy"],
  ] as const)("%s", (_, checks, state) => {
    expect(run(checks).state).toBe(state);
  });

  test("the reason is that of the last check, whatever the state", () => {
    expect(run([true, true, false])).toEqual({ state: "healthy", streak: -1, reason: "HTTP 503" });
    expect(run([true, true, false, true])).toEqual({ state: "healthy", streak: 0, reason: "HTTP 200" });
  });

  test("with a threshold of one the first check decides", () => {
    expect(run([true], 1, 1).state).toBe("healthy");
    expect(run([false], 1, 1).state).toBe("unhealthy");
  });

  test("alternating results never turn a target, however many there are", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 2, max: 10 }),
        fc.integer({ min: 1, max: 60 }),
        fc.boolean(),
        fc.constantFrom<HealthState>("initial", "healthy", "unhealthy"),
        (healthy, unhealthy, count, first, state) => {
          const checks = Array.from({ length: count }, (_, index) => (index % 2 === 0) === first);
          expect(run(checks, healthy, unhealthy, { state, streak: 0, reason: "" }).state).toBe(state);
        },
      ),
    );
  });

  test("a state is always the one of the last run that was long enough", () => {
    const thresholds = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { maxLength: 40 }),
        thresholds,
        thresholds,
        (checks, healthy, unhealthy) => {
          let expected: HealthState = "initial";
          let length = 0;
          for (const [index, ok] of checks.entries()) {
            length = checks[index - 1] === ok ? length + 1 : 1;
            if (length >= (ok ? healthy : unhealthy)) expected = ok ? "healthy" : "unhealthy";
          }
          expect(run(checks, healthy, unhealthy).state).toBe(expected);
        },
      ),
    );
  });
});

test.each([
  ["200", 200, true],
  ["200", 201, false],
  ["200,204", 204, true],
  ["200,204", 203, false],
  ["200-399", 399, true],
  ["200-399", 400, false],
  ["200-299,404", 404, true],
  ["200", 503, false],
])("matcher %s and status %i: %s", (matcher, status, passes) => {
  expect(matchesStatus(matcher, status)).toBe(passes);
});

describe("flows", () => {
  const ENTRY =
    "udp      17 110 src=198.51.100.10 dst=192.0.2.10 sport=20001 dport=51820 src=10.0.32.10 dst=198.51.100.10 sport=51820 dport=20001 [ASSURED] mark=0 use=1";
  const FLOW = { client: "198.51.100.10", port: 20001, via: "192.0.2.10", target: "10.0.32.10" };

  test("entries and events are read: the client is the first direction's source, the target the second's", () => {
    expect(parseFlows(`${ENTRY}\n${ENTRY.replaceAll("20001", "20002")}\n`)).toEqual([
      FLOW,
      { ...FLOW, port: 20002 },
    ]);
    expect(parseFlows(`    [NEW] ${ENTRY}`)).toEqual([FLOW]);
  });

  test("what is no entry is passed over", () => {
    expect(parseFlows("conntrack v1.4.7: 0 flow entries have been shown.\n")).toEqual([]);
    expect(parseFlows("")).toEqual([]);
  });
});

testWith(NFT, "the hash is the kernel's: it is known beforehand where each new flow goes", () => {
  const [client, via, targets, seed] = ["198.51.100.10", "192.0.2.10", 5, 77];
  const ports = Array.from({ length: 40 }, (_, index) => 20_000 + 997 * index);
  const map = Array.from({ length: targets }, (_, index) => `${index} : 10.0.0.${index} . 51820`).join(", ");
  const send = `const { createSocket } = require("node:dgram");
    for (const port of ${JSON.stringify(ports)}) {
      const socket = createSocket("udp4");
      socket.bind(port, "${client}", () => socket.send("x", 51820, "${via}", () => socket.close()));
    }`;
  const script = `ip link set lo up && ip address add ${client}/32 dev lo && ip route add default dev lo
nft -f - <<'END'
table ip test {
  chain listener {
    type nat hook output priority -100
    ip daddr ${via} udp dport 51820 dnat ip addr . port to jhash ip saddr . udp sport . ip daddr mod ${targets} seed ${seed} map { ${map} }
  }
}
END
"${process.execPath}" -e '${send}' && conntrack -L -p udp 2>/dev/null`;
  const { text } = runTool("unshare", ["-rn", "sh", "-c", script]);
  const flows = parseFlows(text).sort((a, b) => a.port - b.port);
  const expected = ports.map((port) => {
    const target = `10.0.0.${targetIndex(client, port, via, targets, seed)}`;
    return { client, port, via, target };
  });
  expect(flows).toEqual(expected);
  expect(new Set(flows.map(({ target }) => target)).size).toBe(targets);
});
