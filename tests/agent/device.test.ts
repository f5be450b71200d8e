import { wgDevice } from "../../agent/device";
import { type Exec, ExecError } from "../../agent/exec";
import { WatchedDevice } from "../../agent/watched-device";
import { FakeClock } from "./fake-clock";
import { key } from "./fixtures";

const answers = (nft: () => string): Exec => {
  return async (file) => {
    return file === "nft" ? nft() : `${key(1)}\t${key(2)}\t51820\toff\n`;
  };
};
const observe = (nft: () => string) => wgDevice("wg0", answers(nft), () => ["lo", "wg0"]).observe();

test("the firewall is there only when its own table is", async () => {
  expect((await observe(() => "table inet filter\ntable inet wgc\n")).firewallProblem).toBeUndefined();
  for (const tables of ["", "table inet wgc2\n", "table inet filter\n"])
    expect((await observe(() => tables)).firewallProblem).toMatch(
      /not loaded.*systemctl restart wgc-network/,
    );
});

test("an nft that fails is a reason, and does not keep the interface from being looked at", async () => {
  const state = await observe(() => {
    throw new ExecError("nft list tables inet: exit code 1: Operation not permitted");
  });
  expect(state.firewallProblem).toMatch(/cannot be looked at: .*Operation not permitted/);
  expect([state.up, state.dump.interface.listenPort]).toEqual([true, 51820]);
});

test("an interface that the kernel does not call up is down", async () => {
  const exec = answers(() => "table inet wgc\n");
  for (const [up, names] of [
    [true, ["wg0"]],
    [false, ["lo", "wg1"]],
  ] as const)
    expect((await wgDevice("wg0", exec, () => names).observe()).up).toBe(up);
});

test("a small change may take 5 s, one with 100,000 peers a minute", async () => {
  const limits: number[] = [];
  const device = wgDevice("wg0", async (_, __, { timeoutMs }) => {
    limits.push(timeoutMs);
    return "";
  });
  await device.apply([{ args: ["set"] }, { args: ["addconf"], stdin: "x".repeat(15 << 20) }]);
  expect(limits).toEqual([5000, 66_440]);
});

test("while nothing is suspicious the firewall is looked at every ten seconds, else each time", async () => {
  const clock = new FakeClock();
  let tables = "table inet wgc\n";
  let looks = 0;
  const exec = answers(() => {
    looks++;
    return tables;
  });
  const watched = new WatchedDevice(
    wgDevice("wg0", exec, () => ["wg0"]),
    clock,
  );
  const look = async (ms: number) => {
    await clock.advance(ms);
    return [(await watched.observe()).firewallProblem === undefined, looks];
  };
  expect([await look(0), await look(2000), await look(8000)]).toEqual([
    [true, 1],
    [true, 1],
    [true, 2],
  ]);
  tables = "";
  watched.suspicious = true;
  expect(await look(2000)).toEqual([false, 3]);
  watched.suspicious = false;
  expect(await look(2000)).toEqual([false, 4]); // until it is known to be mended
  tables = "table inet wgc\n";
  expect([await look(2000), await look(2000)]).toEqual([
    [true, 5],
    [true, 5],
  ]);
});
