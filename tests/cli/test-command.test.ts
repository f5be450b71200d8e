import { wgc } from "./support";

test("tests are chosen by a part of their names, in upper or lower case; the others are not told as skipped", async () => {
  const { code, stdout } = await wgc(["test", "wireguard", "--name", "PRIVATE keys are clamped", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    passed: 1,
    failed: 0,
    skipped: [],
    steps: [{ name: "wireguard" }],
  });
}, 60_000);

test("a name that no test has is an error, and nothing passed", async () => {
  const { code, stdout, stderr } = await wgc(["test", "wireguard", "--name", "no such test"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("no test has a name that matches /no such test/i");
}, 60_000);

test("what is no pattern is refused before anything runs", async () => {
  const { code, stderr } = await wgc(["test", "wireguard", "--name", "("]);
  expect(code).toBe(2);
  expect(stderr).toMatch(/argument '\(' is invalid.*Unterminated group/);
});
