import type { Exec } from "../../../agent/exec";
import { OverlayRoutes, parseRoutes } from "../../../agent/routed/overlay-routes";
import { FakeClock, settle } from "../fake-clock";
import { silent } from "../fixtures";

/** The kernel's table, as far as `ip` shows it. */
class Table {
  readonly routes = new Map<string, string>();
  readonly batches: string[] = [];
  fail = 0;
  reads = 0;
  /** Batches, whatever became of them. */
  runs = 0;
  hold: Promise<void> | undefined;

  readonly exec: Exec = async (_, args, { stdin }) => {
    if (args.includes("show")) {
      this.reads++;
      return [...this.routes]
        .map(
          ([address, server]) =>
            `${address.replace("/32", "")}  encap ip id 51820 src 0.0.0.0 dst ${server} ttl 0 tos 0 dev wgc-mesh scope link \n`,
        )
        .join("");
    }
    await this.hold;
    this.runs++;
    if (this.fail-- > 0) throw new Error("ip: no answer");
    this.batches.push(stdin ?? "");
    let failed = false;
    for (const line of (stdin ?? "").trim().split("\n")) {
      const [, verb, address = ""] = line.split(" ");
      const server = / dst (\S+) dev wgc-mesh table 119$/.exec(line)?.[1];
      if (verb === "replace" && server !== undefined) this.routes.set(address, server);
      if (verb === "del" && !this.routes.delete(address)) {
        failed = true;
        if (!args.includes("-force")) break; // ip(8): with it the rest is done, and the exit code tells of the failure all the same
      }
    }
    if (failed) throw new Error("RTNETLINK answers: No such process");
    return "";
  };
}

function world() {
  const [table, clock] = [new Table(), new FakeClock()];
  return { table, clock, routes: new OverlayRoutes(table.exec, clock, silent) };
}

test("what an agent before this one left goes, and what is right stays untouched", async () => {
  const { table, routes } = world();
  table.routes
    .set("10.100.0.2/32", "10.0.0.2")
    .set("10.100.0.3/32", "10.0.0.2")
    .set("10.100.0.4/32", "10.0.0.2");
  void routes.set("10.100.0.2/32", "10.0.0.2");
  void routes.set("10.100.0.3/32", "10.0.0.3");
  await routes.reconcile();
  expect([...table.routes]).toEqual([
    ["10.100.0.2/32", "10.0.0.2"],
    ["10.100.0.3/32", "10.0.0.3"],
  ]);
  expect(table.batches.join("")).not.toContain("10.100.0.2/32");
});

test("a change costs what it changes, and changes of one moment go together", async () => {
  const { table, routes } = world();
  for (let n = 0; n < 500; n++) void routes.set(`10.100.1.${n}/32`, "10.0.0.2");
  await routes.reconcile();
  table.batches.length = 0;
  void routes.set("10.100.1.7/32", "10.0.0.3");
  await routes.set("10.100.1.8/32", undefined);
  expect(table.batches).toEqual([
    "route replace 10.100.1.7/32 encap ip id 51820 dst 10.0.0.3 dev wgc-mesh table 119\nroute del 10.100.1.8/32 table 119\n",
  ]);
});

test("what is wanted while the tools run comes next, and only the last wish counts", async () => {
  const { table, routes } = world();
  await routes.reconcile();
  let go: () => void = () => {};
  table.hold = new Promise((resolve) => {
    go = resolve;
  });
  const first = routes.set("10.100.0.2/32", "10.0.0.2");
  await settle();
  for (const server of ["10.0.0.3", "10.0.0.4"]) void routes.set("10.100.0.2/32", server);
  go();
  await first;
  expect(table.batches).toHaveLength(2);
  expect([...table.routes]).toEqual([["10.100.0.2/32", "10.0.0.4"]]);
});

test("after a failure the table is read anew and made right", async () => {
  const { table, clock, routes } = world();
  await routes.reconcile();
  table.fail = 1;
  await routes.set("10.100.0.2/32", "10.0.0.2");
  expect(routes.problem).toContain("no answer");
  table.routes.set("10.100.0.9/32", "10.0.0.9"); // half of the batch may have been done
  await clock.advance(1500);
  expect(routes.problem).toBeUndefined();
  expect([...table.routes]).toEqual([["10.100.0.2/32", "10.0.0.2"]]);
});

test("while the tools fail they are tried ever more rarely, whatever changes meanwhile, and stop ends that", async () => {
  const { table, clock, routes } = world();
  await routes.reconcile();
  table.fail = Number.POSITIVE_INFINITY;
  const before = table.runs;
  for (let n = 0; n < 100; n++) {
    void routes.set(`10.100.0.${n}/32`, "10.0.0.2");
    await clock.advance(10);
  }
  await clock.advance(29_000); // tried after 0, 1, 3, 7, 15 s
  expect(table.runs - before).toBe(5);
  table.fail = 0;
  await clock.advance(31_000);
  expect([table.routes.size, routes.problem]).toEqual([100, undefined]);
  table.fail = Number.POSITIVE_INFINITY;
  await routes.set("10.100.0.1/32", "10.0.0.3");
  const last = table.runs + 1;
  await clock.advance(1100);
  expect(table.runs).toBe(last);
  await routes.stop();
  await clock.advance(60_000);
  expect(table.runs).toBe(last);
});

test("a route that somebody took away already does not keep the others of its batch from being made", async () => {
  const { table, clock, routes } = world();
  void routes.set("10.100.0.2/32", "10.0.0.2");
  await routes.reconcile();
  table.routes.clear();
  void routes.set("10.100.0.2/32", undefined);
  await routes.set("10.100.0.3/32", "10.0.0.3");
  expect([...table.routes]).toEqual([["10.100.0.3/32", "10.0.0.3"]]);
  await clock.advance(1500);
  expect(routes.problem).toBeUndefined();
});

test("what went by itself is made again, also when that is noticed while something else is changed", async () => {
  const { table, routes } = world();
  void routes.set("10.100.0.2/32", "10.0.0.2");
  await routes.lookAgain(); // nothing is known yet
  expect([table.reads, table.runs]).toEqual([0, 0]);
  await routes.reconcile();
  table.routes.clear();
  await routes.lookAgain();
  expect([...table.routes]).toEqual([["10.100.0.2/32", "10.0.0.2"]]);
  let go: () => void = () => {};
  table.hold = new Promise((resolve) => {
    go = resolve;
  });
  const change = routes.set("10.100.0.3/32", "10.0.0.2");
  await settle();
  table.routes.clear();
  void routes.lookAgain();
  go();
  await change;
  expect([...table.routes.keys()].sort()).toEqual(["10.100.0.2/32", "10.100.0.3/32"]);
});

test("routes are read as ip prints them", () => {
  const text = `10.100.0.2  encap ip id 51820 src 0.0.0.0 dst 10.0.0.2 ttl 0 tos 0 dev wgc-mesh scope link
10.100.2.0/24  encap ip id 51820 src 0.0.0.0 dst 10.0.0.3 ttl 0 tos 0 dev wgc-mesh scope link
10.100.0.5 dev wg1 scope link
`;
  expect([...parseRoutes(text)]).toEqual([
    ["10.100.0.2/32", "10.0.0.2"],
    ["10.100.2.0/24", "10.0.0.3"],
  ]);
});

test("before it is known where clients are, what an agent before this one left stays", async () => {
  const { table, routes } = world();
  table.routes.set("10.100.0.9/32", "10.0.0.9");
  await routes.set("10.100.0.2/32", "10.0.0.2");
  await settle();
  expect([table.batches, [...table.routes.keys()]]).toEqual([[], ["10.100.0.9/32"]]);
  await routes.reconcile();
  expect([...table.routes]).toEqual([["10.100.0.2/32", "10.0.0.2"]]);
});
