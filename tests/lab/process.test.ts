import { attempt, CommandError, run } from "../../lab/process";

test("a program over its time limit ends with code 124, together with what it started", async () => {
  const marker = `30.${process.pid}`;
  const result = await attempt(["sh", "-c", `echo begun; sleep ${marker} | cat`], { timeout: 300 });
  expect(result).toMatchObject({ code: 124, stdout: "begun\n" });
  expect(result.stderr).toContain("not finished after 0.3 s");
  expect((await attempt(["pgrep", "-f", `^sleep ${marker}$`])).stdout).toBe("");
});

test("a failed program's error names the command, its code and the end of what it said", async () => {
  const failed = run(["sh", "-c", "echo 'no such device' >&2; exit 3"]);
  await expect(failed).rejects.toThrow(CommandError);
  await expect(failed).rejects.toThrow(/ended with code 3: no such device$/);
});

test("input reaches the program, and a program that ignores it does no harm", async () => {
  expect(await run(["cat"], { input: "secret" })).toBe("secret");
  expect(await run(["true"], { input: "x".repeat(1_000_000) })).toBe("");
});

test("a program that does not exist is an error, not a hang", async () => {
  await expect(run(["no-such-program-here"])).rejects.toThrow(/ENOENT|EACCES/);
});
