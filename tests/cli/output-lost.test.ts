import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { finishFirst } from "../../cli/finish-first";
import { Desk } from "./desk";
import { PROJECT } from "./support";

jest.setTimeout(120_000); // the command line as a process of its own, on a machine that may be busy

let desk: Desk;
beforeEach(async () => {
  desk = await new Desk().open();
});
afterEach(() => {
  jest.restoreAllMocks();
  desk.close();
});

/** What is in the desk's folder besides the registry. */
const files = () => readdirSync(desk.folder).filter((name) => name !== "registry");

/** Runs the command line in a shell, with its output where `to` says. */
function shell(args: string, to: string) {
  const loader = join(PROJECT, "node_modules/tsx/dist/loader.mjs");
  const script = `set -o pipefail; node --import ${loader} ${join(PROJECT, "cli/main.ts")} ${args} ${to}`;
  const { status, stderr } = spawnSync("bash", ["-c", script], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { code: status, err: stderr.replaceAll(/^npm warn.*\n/gm, "") };
}

test("a reader that has gone is no reason for a stack trace", () => {
  expect(shell("lab exec --help", "| true")).toEqual({ code: 141, err: "" });
  expect(shell(`client export --registry ${desk.root}`, "| true")).toEqual({
    code: 141,
    err: "0 clients, without secrets\n",
  });
});

test("output that cannot be written is told in one line", () => {
  expect(shell("completion bash", ">/dev/full")).toEqual({
    code: 1,
    err: "wgc: error: standard output cannot be written: the disk is full\n",
  });
});

test("a configuration that could not be printed: the client is there, and what to do is told", async () => {
  desk.outputFails = Object.assign(new Error("no"), { code: "ENOSPC" });
  const { code, err } = await desk.run("client", "add", "alice", "--out", "-");
  expect([code, err]).toEqual([
    1,
    "alice has its new key (revision 1), but the configuration was not written: the disk is full; nothing is lost: ./wgc client rotate alice --no-overlap gives it another key pair and a new configuration\n",
  ]);
  const asJson = await desk.run("client", "rotate", "alice", "--out", "-", "--json");
  expect([asJson.code, asJson.err]).toEqual([
    1,
    expect.stringContaining("./wgc client rotate alice --no-overlap"),
  ]);
  expect(desk.stored("alice")["publicKey"]).toBeDefined();
});

test("a link that leads nowhere is in the way before anything is changed", async () => {
  symlinkSync(desk.file("nowhere"), desk.file("alice.conf"));
  const { code, err } = await desk.run("client", "add", "alice", "--out", "FILE:alice.conf");
  expect([code, err]).toEqual([1, expect.stringContaining("alice.conf exists already; choose another file")]);
  expect(existsSync(join(desk.root, "clients", "alice.json"))).toBe(false);
});

test("while a client is added there is no file that an end by force would leave", async () => {
  const { control } = desk;
  const seen: string[][] = [];
  desk.control = {
    call: (operation, input, options) => {
      seen.push(files());
      return control.call(operation, input, options);
    },
  };
  await desk.run("client", "add", "alice", "--out", "FILE:alice.conf", "--png", "FILE:alice.png");
  expect(seen).toEqual([[], []]);
  expect(files()).toEqual(["alice.conf", "alice.png"]);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
  ["SIGHUP", 129],
] as const)("%s after the change: the configuration is written first", async (signal, code) => {
  const { control } = desk;
  const left = jest.spyOn(process, "exit").mockImplementation((ended) => {
    throw new Error(`left with ${ended}, and ${files().join()}`);
  });
  desk.control = {
    call: async (operation, input, options) => {
      const answer = await control.call(operation, input, options);
      if (operation === "add") process.emit(signal, signal);
      return answer;
    },
  };
  await expect(desk.run("client", "add", "alice", "--out", "FILE:alice.conf")).rejects.toThrow(
    `left with ${code}, and alice.conf`,
  );
  expect(left).toHaveBeenCalledTimes(1);
  expect(process.listenerCount(signal)).toBe(0);
});

test("a second signal ends at once", async () => {
  const left = jest.spyOn(process, "exit").mockImplementation(() => undefined as never);
  const said: string[] = [];
  await finishFirst(
    (text) => said.push(text),
    "the file is written first",
    async (interrupted) => {
      expect(interrupted.aborted).toBe(false);
      process.emit("SIGTERM", "SIGTERM");
      expect(interrupted.aborted).toBe(true);
      expect(left).not.toHaveBeenCalled();
      process.emit("SIGTERM", "SIGTERM");
      expect(left).toHaveBeenCalledWith(143);
    },
  );
  expect(said[0]).toBe("the file is written first\n");
});
