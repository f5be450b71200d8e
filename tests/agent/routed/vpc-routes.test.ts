import { AwsError, type Parameter } from "../../../agent/aws/query";
import { SourceCheck } from "../../../agent/routed/source-check";
import { targetOf, VpcRoutes } from "../../../agent/routed/vpc-routes";
import { FakeClock } from "../fake-clock";
import { silent } from "../fixtures";

const RANGE = "10.100.0.0/16";
const error = (code: string, status = 400) => new AwsError("ReplaceRoute", code, "no", status);

/** EC2 as far as routes go: each call takes its time. */
class Ec2 {
  readonly clock = new FakeClock();
  readonly routes = new Map<string, string>();
  readonly calls: [number, string][] = [];
  readonly errors: AwsError[] = [];

  readonly call = async (
    action: string,
    parameters: Readonly<Record<string, Parameter>>,
  ): Promise<string> => {
    this.calls.push([this.clock.monotonic(), action]);
    await new Promise<void>((done) => this.clock.after(1500, done));
    const failure = this.errors.shift();
    if (failure !== undefined) throw failure;
    const { RouteTableId: id, NetworkInterfaceId: target, DestinationCidrBlock: range } = parameters;
    if (action === "DescribeRouteTables") return this.describe(String((id as string[])[0]));
    if (range !== RANGE) throw error("InvalidParameterValue");
    const exists = this.routes.has(String(id));
    if (action === "ReplaceRoute" && !exists) throw error("InvalidParameterValue");
    if (action === "CreateRoute" && exists) throw error("RouteAlreadyExists");
    this.routes.set(String(id), String(target));
    return "<return>true</return>";
  };

  /** Interfaces that are gone. */
  readonly dead = new Set<string>();

  /** When routes were to be replaced. */
  get replaced(): number[] {
    return this.calls.flatMap(([at, action]) => (action === "ReplaceRoute" ? at : []));
  }

  private describe(id: string): string {
    const item = (range: string, target: string) =>
      `<item><destinationCidrBlock>${range}</destinationCidrBlock><networkInterfaceId>${target}</networkInterfaceId><state>${this.dead.has(target) ? "blackhole" : "active"}</state></item>`;
    const own = this.routes.get(id);
    const routes = `<routeSet>${item("10.0.0.0/16", "local")}${own === undefined ? "" : item(RANGE, own)}</routeSet>`;
    return `<routeTableSet><item><routeTableId>${id}</routeTableId>${routes}</item></routeTableSet>`;
  }
}

const TABLES = [
  { id: "rtb-a", zone: "a" },
  { id: "rtb-b", zone: "b" },
];

function world(tables = TABLES) {
  const ec2 = new Ec2();
  const { call, clock } = ec2;
  const options = {
    tables,
    destination: RANGE,
    interfaceId: "eni-1",
    call,
    clock,
    log: silent,
    random: () => 1,
  };
  const other = (interfaceId: string) => new VpcRoutes({ ...options, interfaceId });
  return { ec2, clock, options, routes: new VpcRoutes(options), other };
}

test("the owner of a zone makes its tables lead here, the first time by making the route", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(1600);
  expect([...ec2.routes]).toEqual([["rtb-a", "eni-1"]]);
  routes.own(new Set(["a", "b"]));
  await clock.advance(3100);
  expect([...ec2.routes]).toEqual([
    ["rtb-a", "eni-1"],
    ["rtb-b", "eni-1"],
  ]);
  expect(routes.counts).toEqual({ owned: 2, settled: 2 });
  expect(ec2.calls.map(([, action]) => action)).toEqual(["ReplaceRoute", "ReplaceRoute", "CreateRoute"]);
});

test("a table that is named for two zones is led one way: the first one's", async () => {
  const { ec2, clock, routes } = world([...TABLES, { id: "rtb-a", zone: "b" }]);
  routes.own(new Set(["b"]));
  await clock.advance(4000);
  expect([...ec2.routes.keys()]).toEqual(["rtb-b"]);
  routes.own(new Set(["a"]));
  await clock.advance(4000);
  expect([...ec2.routes.keys()]).toEqual(["rtb-b", "rtb-a"]);
  expect(routes.counts).toEqual({ owned: 1, settled: 1 });
});

test("throttling is waited out with longer and longer pauses, and shows", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  ec2.errors.push(error("RequestLimitExceeded", 503), error("Throttling"), error("InternalError", 500));
  routes.own(new Set(["a"]));
  await clock.advance(1600);
  expect(routes.problem).toContain("rtb-a");
  await clock.advance(20_000);
  expect(ec2.replaced).toEqual([0, 1750, 3750, 6250]);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
  expect(routes.problem).toBeUndefined();
  expect(routes.stats).toMatchObject({ replaced: 1, failed: 3, throttled: 2 });
});

test.each([
  [1, 1750],
  [0, 1625],
])("owners that are throttled together do not call together again: chance says %d", async (random, again) => {
  const { ec2, clock, options } = world();
  ec2.errors.push(error("Throttling"));
  ec2.routes.set("rtb-a", "eni-9");
  new VpcRoutes({ ...options, random: () => random }).own(new Set(["a"]));
  await clock.advance(3000);
  expect(ec2.replaced).toEqual([0, again]);
});

test("a table that is full is no throttling, and waits for an operator", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  ec2.errors.push(error("RouteLimitExceeded"));
  routes.own(new Set(["a"]));
  await clock.advance(60_000);
  expect(ec2.replaced).toEqual([0]);
  expect(routes.stats).toMatchObject({ failed: 1, throttled: 0 });
});

test("looks that fail are counted, and come ever more seldom", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.start();
  routes.own(new Set(["a"]));
  await clock.advance(2000);
  ec2.errors.push(...Array.from({ length: 5 }, () => error("RequestLimitExceeded", 503)));
  await clock.advance(400_000);
  const looks = ec2.calls.flatMap(([at, action]) => (action === "DescribeRouteTables" ? at : []));
  const pauses = looks.slice(1).map((at, n) => (at - (looks[n] ?? 0) - 1500) / 1000); // each look takes 1.5 s
  expect(pauses.slice(0, 5)).toEqual([10, 20, 40, 60, 60]);
  expect(routes.stats).toMatchObject({ failed: 5, throttled: 5 });
  expect(routes.problem).toBeUndefined();
});

test.each([
  ...["UnauthorizedOperation", "AuthFailure", "RequestExpired"],
  ...["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"],
])("%s passes, as new rights and a clock that is set right do, and is tried again soon", async (code) => {
  const { ec2, clock, routes } = world();
  ec2.errors.push(error(code, 403), error(code, 403));
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(6000);
  expect(ec2.calls.map(([at]) => at)).toEqual([0, 1750, 3750]);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
});

test("a route that another server was faster to make is taken over at once", async () => {
  const { ec2, clock, routes } = world();
  routes.own(new Set(["a"]));
  await clock.advance(1600); // there is none to replace, and the call to make one is under way
  ec2.routes.set("rtb-a", "eni-2");
  await clock.advance(4000);
  expect(ec2.calls.map(([, action]) => action)).toEqual(["ReplaceRoute", "CreateRoute", "ReplaceRoute"]);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
});

test("what cannot pass by itself is tried again once a minute", async () => {
  const { ec2, clock, routes } = world();
  ec2.errors.push(error("InvalidRouteTableID.NotFound"));
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(50_000);
  expect(ec2.calls).toHaveLength(1);
  await clock.advance(20_000);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
});

test("a server that is no longer the owner leaves the route to the next one", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  ec2.errors.push(error("Throttling"));
  routes.own(new Set(["a"]));
  await clock.advance(1600);
  routes.own(new Set());
  await clock.advance(60_000);
  expect(ec2.calls).toHaveLength(1);
  expect(ec2.routes.get("rtb-a")).toBe("eni-9");
  expect(routes.problem).toBeUndefined();
});

test("a route that another server claimed as well is replaced once more when that one has given in", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]), new Set(["a"]));
  await clock.advance(2000);
  ec2.routes.set("rtb-a", "eni-2"); // the other one's call came later
  routes.own(new Set(["a"]), new Set(["a"]));
  await clock.advance(2000);
  expect(ec2.routes.get("rtb-a")).toBe("eni-2");
  routes.own(new Set(["a"]));
  await clock.advance(2000);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
});

test("a call that is under way when the other server gives in is made once more", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]), new Set(["a"]));
  await clock.advance(1000);
  routes.own(new Set(["a"]));
  await clock.advance(600);
  ec2.routes.set("rtb-a", "eni-2"); // the other one's last call took longer
  await clock.advance(1500);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
  expect(routes.counts).toEqual({ owned: 1, settled: 1 });
  await clock.advance(30_000);
  expect(ec2.replaced).toHaveLength(2);
});

test("a zone that is lost and taken again while a call is under way is led here once more", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(500);
  routes.own(new Set());
  await clock.advance(500);
  routes.own(new Set(["a"]));
  await clock.advance(600);
  ec2.routes.set("rtb-a", "eni-2");
  await clock.advance(1500);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
});

test("a call of the owner before that takes effect late is undone soon", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.start();
  routes.own(new Set(["a"]));
  await clock.advance(5000);
  ec2.routes.set("rtb-a", "eni-2");
  await clock.advance(12_000);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
  expect(routes.counts.settled).toBe(1);
  routes.stop();
});

test.each([
  ["was tried again", () => {}],
  [
    "was given up and taken again",
    (routes: VpcRoutes) => {
      routes.own(new Set());
      routes.own(new Set(["a"]));
    },
  ],
])(
  "a route that %s after a failure is replaced once more, too, when another server has given in",
  async (_, meanwhile) => {
    const { ec2, clock, routes } = world();
    ec2.routes.set("rtb-a", "eni-9");
    ec2.errors.push(error("Throttling"));
    routes.own(new Set(["a"]));
    await clock.advance(1550);
    meanwhile(routes);
    await clock.advance(5000);
    routes.own(new Set(["a"]), new Set(["a"]));
    ec2.routes.set("rtb-a", "eni-2");
    await clock.advance(1000);
    routes.own(new Set(["a"]));
    await clock.advance(2000);
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
    routes.stop();
  },
);

test("a route that was led here while others are looked at is looked at soon, too", async () => {
  const { ec2, clock, routes } = world();
  for (const id of ["rtb-a", "rtb-b"]) ec2.routes.set(id, "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(10_500);
  routes.own(new Set(["a", "b"])); // there after 1.5 s, while the look of 11.5 s goes on until 13 s
  await clock.advance(3000);
  ec2.routes.set("rtb-b", "eni-2"); // a late call of the owner before
  await clock.advance(13_000);
  expect(ec2.routes.get("rtb-b")).toBe("eni-1");
  routes.stop();
});

test("a route that cannot be looked at is looked at again soon", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.start();
  routes.own(new Set(["a"]));
  await clock.advance(5000);
  ec2.errors.push(error("InternalError", 500));
  await clock.advance(10_000);
  expect(routes.problem).toContain("cannot be looked up");
  await clock.advance(12_000);
  expect(routes.problem).toBeUndefined();
  routes.stop();
});

test("however often another server claims the zone and gives in, what fails is tried as seldom as ever", async () => {
  const { ec2, clock, routes } = world();
  ec2.errors.push(...Array.from({ length: 1000 }, () => error("RequestLimitExceeded", 503)));
  routes.own(new Set(["a"]));
  for (let contest = 0; contest < 10; contest++) {
    routes.own(new Set(["a"]), new Set(["a"]));
    await clock.advance(3000);
    routes.own(new Set(["a"]));
    await clock.advance(3000);
  }
  const before = ec2.replaced.length;
  await clock.advance(115_000); // one and a half seconds each, ten apart
  expect(ec2.replaced.length - before).toBe(10);
  routes.stop();
});

test("a route that somebody else changed is seen within a minute", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.start();
  routes.own(new Set(["a"]));
  await clock.advance(2000);
  ec2.routes.set("rtb-a", "eni-2");
  await clock.advance(64_000);
  expect(ec2.routes.get("rtb-a")).toBe("eni-1");
  routes.stop();
});

describe("two servers that both take themselves for the owner", () => {
  async function rivals() {
    const { ec2, clock, routes, other } = world();
    ec2.routes.set("rtb-a", "eni-9");
    const rival = other("eni-2");
    for (const server of [routes, rival]) {
      server.start();
      server.own(new Set(["a"]));
      await clock.advance(5000);
    }
    return { ec2, clock, routes, rival };
  }

  test("change its route ever more seldom, and say so", async () => {
    const { ec2, clock, routes, rival } = await rivals();
    await clock.advance(600_000);
    expect(ec2.replaced.length).toBeLessThan(18);
    expect(ec2.replaced.length).toBeGreaterThan(8); // nobody gives in for good
    for (const server of [routes, rival])
      expect(server.problem).toMatch(/rtb-a is led to eni-[12] again and/);
    expect(routes.stats.contested).toBeGreaterThan(4);
    const before = ec2.replaced.length;
    await clock.advance(3_600_000);
    expect(ec2.replaced.length - before).toBeLessThan(16); // each once in ten minutes, and what AWS's answers take
    expect(routes.counts.settled + rival.counts.settled).toBe(1);
    routes.stop();
    rival.stop();
  });

  test("when one gives in, the other has the route after its wait, and after half an hour's calm contests at once again", async () => {
    const { ec2, clock, routes, rival } = await rivals();
    await clock.advance(600_000);
    rival.own(new Set());
    ec2.routes.set("rtb-a", "eni-2");
    await clock.advance(665_000);
    expect([ec2.routes.get("rtb-a"), routes.counts.settled]).toEqual(["eni-1", 1]);
    await clock.advance(1_900_000);
    expect(routes.problem).toBeUndefined();
    ec2.routes.set("rtb-a", "eni-2");
    await clock.advance(65_000);
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
    ec2.routes.set("rtb-a", "eni-2");
    await clock.advance(80_000); // the first wait again, or the next look
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
    routes.stop();
    rival.stop();
  });

  test("a rival that is gone has no turn left", async () => {
    const { ec2, clock, routes, rival } = await rivals();
    await clock.advance(1_200_000);
    rival.stop();
    ec2.routes.set("rtb-a", "eni-2");
    ec2.dead.add("eni-2");
    await clock.advance(65_000);
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
    routes.stop();
  });

  test("a server that is made owner anew does not wait", async () => {
    const { ec2, clock, routes, rival } = await rivals();
    await clock.advance(600_000);
    rival.stop();
    routes.own(new Set());
    routes.own(new Set(["a"]));
    await clock.advance(2000);
    ec2.routes.set("rtb-a", "eni-2");
    await clock.advance(15_000);
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
    routes.stop();
  });
});

test("a rival's turn ends when its time is over, not at the next look that is due anyway", async () => {
  const { ec2, clock, routes } = world();
  routes.start();
  routes.own(new Set(["a"]));
  for (let passed = 0; passed < 200_000; passed += 500) {
    await clock.advance(500);
    if (routes.counts.settled === 1) ec2.routes.set("rtb-a", "eni-2");
  }
  const waits = ec2.replaced.slice(1).map((at, index) => at - (ec2.replaced[index] ?? 0));
  // Ten, twenty, forty, eighty seconds, and looks of one and a half.
  expect(waits.slice(1).map((ms) => Math.round(ms / 10_000))).toEqual([1, 2, 4, 8]);
  routes.stop();
});

test("a route that somebody removed is made again however often that was", async () => {
  const { ec2, clock, routes } = world();
  routes.start();
  routes.own(new Set(["a"]));
  for (let time = 0; time < 8; time++) {
    await clock.advance(5000);
    ec2.routes.delete("rtb-a");
    await clock.advance(65_000);
    expect(ec2.routes.get("rtb-a")).toBe("eni-1");
  }
  routes.stop();
});

test("the target of a route is told from its neighbours'", () => {
  const item = (range: string, target: string) =>
    `<item>\n<destinationCidrBlock>${range}</destinationCidrBlock>\n<networkInterfaceId>${target}</networkInterfaceId></item>`;
  const xml = `<routeSet>${item("10.10.0.0/16", "eni-1")}${item(RANGE, "eni-2")}${item("0.0.0.0/0", "eni-3")}</routeSet>`;
  expect(targetOf(xml, RANGE)).toBe("eni-2");
  expect(targetOf(xml, "10.200.0.0/16")).toBeUndefined();
});

test("the source check is asked off until that has worked", async () => {
  const { ec2, clock } = world();
  const asked: unknown[] = [];
  let left = 2;
  const call = (action: string, parameters: unknown) => {
    asked.push([action, parameters]);
    return left-- > 0 ? Promise.reject(error("RequestLimitExceeded", 503)) : Promise.resolve("");
  };
  const check = new SourceCheck("eni-1", call, clock, silent);
  void check.start();
  await clock.advance(400);
  expect(check.isOff).toBe(false);
  expect(check.problem).toContain("RequestLimitExceeded");
  await clock.advance(5000);
  expect(check).toMatchObject({ isOff: true, problem: undefined });
  expect(asked).toHaveLength(3);
  expect(asked[0]).toEqual([
    "ModifyNetworkInterfaceAttribute",
    { NetworkInterfaceId: "eni-1", SourceDestCheck: { Value: false } },
  ]);
  expect(ec2.calls).toEqual([]);
  check.stop();
});

test("a source check that somebody switches on again is off within a minute; a failure meanwhile costs no role", async () => {
  const clock = new FakeClock();
  let [isOn, isReached] = [true, false];
  const check = new SourceCheck(
    "eni-1",
    async () => {
      await new Promise<void>((done) => clock.after(100, done));
      if (!isReached) throw error("RequestLimitExceeded", 503);
      isOn = false;
      return "";
    },
    clock,
    silent,
  );
  void check.start();
  await clock.advance(5000); // the next attempt comes at 7.9 s
  isReached = true;
  await clock.advance(5000);
  expect(isOn).toBe(false);
  isOn = true;
  await clock.advance(57_500);
  expect(isOn).toBe(true);
  isReached = false;
  await clock.advance(900);
  expect(check.problem).toContain("RequestLimitExceeded");
  expect(check.isOff).toBe(true);
  isReached = true;
  await clock.advance(700); // one short pause
  expect([isOn, check.problem]).toEqual([false, undefined]);
  await clock.advance(59_650);
  check.stop(); // while a call is under way
  await clock.advance(100);
  isOn = true;
  await clock.advance(120_000);
  expect(isOn).toBe(true);
});

test("a zone that was given up is named until the call for it has ended: it may still take effect", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  routes.own(new Set(["a"]));
  await clock.advance(100);
  expect([...routes.calling]).toEqual([]);
  routes.own(new Set());
  expect([...routes.calling]).toEqual(["a"]);
  await clock.advance(1500);
  expect([...routes.calling]).toEqual([]);
});

test("after the role was lost the next attempt is a first one again", async () => {
  const { ec2, clock, routes } = world();
  ec2.routes.set("rtb-a", "eni-9");
  ec2.errors.push(...Array.from({ length: 20 }, () => error("Throttling")));
  routes.own(new Set(["a"]));
  await clock.advance(40_000);
  routes.own(new Set());
  await clock.advance(60_000);
  ec2.errors.length = 1;
  const again = clock.monotonic();
  routes.own(new Set(["a"]));
  await clock.advance(4000);
  // One refused call of 1.5 s, the first pause, and the call that succeeds.
  expect(ec2.calls.map(([at]) => at - again).filter((at) => at >= 0)).toEqual([0, 1750]);
});

test("an attempt that was put off goes with the role that it was for", async () => {
  const { ec2, clock, routes } = world();
  ec2.errors.push(...Array.from({ length: 7 }, () => error("Throttling")));
  routes.own(new Set(["a"]));
  await clock.advance(32_000); // the next one would be ten seconds later
  const before = ec2.calls.length;
  expect([before, ec2.errors.length]).toEqual([7, 0]);
  routes.own(new Set());
  ec2.errors.push(error("InvalidRouteTableID.NotFound")); // waits for a minute
  routes.own(new Set(["a"]));
  await clock.advance(40_000);
  expect(ec2.calls.length - before).toBe(1);
});

test("a table that cannot be looked at does not keep the others from it, and is said", async () => {
  const { ec2, clock, routes } = world();
  routes.start();
  routes.own(new Set(["a", "b"]));
  await clock.advance(5000);
  ec2.errors.push(error("InvalidRouteTableID.NotFound")); // of the first table
  ec2.routes.set("rtb-b", "eni-9");
  await clock.advance(13_000);
  expect(ec2.routes.get("rtb-b")).toBe("eni-1");
  expect(routes.problem).toContain("rtb-a");
  await clock.advance(14_000);
  expect(routes.problem).toBeUndefined();
  routes.stop();
});
