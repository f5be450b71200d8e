import { wgDevice } from "../../agent/device";
import { type Exec, ExecError } from "../../agent/exec";
import { key } from "./fixtures";

const answers = (nft: () => string): Exec => {
  return async (file) => {
    if (file === "ip") return JSON.stringify([{ flags: ["UP"] }]);
    return file === "nft" ? nft() : `${key(1)}\t${key(2)}\t51820\toff\n`;
  };
};
const observe = (nft: () => string) => wgDevice("wg0", answers(nft)).observe();

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
