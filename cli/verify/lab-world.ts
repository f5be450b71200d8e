/** The running lab: the same steps with a client of the lab, whose wg-quick is the stock one. */
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "../../config/errors";
import type { Finished } from "../../lab/process";
import type { RpcClient } from "../../lab/rpc";
import { agentCommand } from "../../lab/server";
import type { LabStatus } from "../../lab/status";
import type { Control } from "../operator";
import { readHealth } from "./health";
import type { VerifyWorld } from "./steps";

export function labWorld(lab: Pick<RpcClient, "call">, control: Control, healthPort: number): VerifyWorld {
  const status = (): Promise<LabStatus> => lab.call<LabStatus>("status");
  const run = async (machine: string, command: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await lab.call<Finished>("exec", { machine, command });
    if (code !== 0) throw new UserError(`${machine}: ${stderr.trim()}`);
    return stdout;
  };
  const client = async (name: string) => (await status()).clients.find((each) => each.name === name);
  return {
    label: "the lab",
    addresses: async () => [(await status()).endpoint],
    servers: async () =>
      (await status()).servers.filter(({ state }) => state === "running").map(({ name }) => name),
    async join(name) {
      const { firstAnswer } = await lab.call<{ firstAnswer: number }>("join", { name });
      return {
        handshakes: async () => [{ address: (await client(name))?.via ?? "", ms: firstAnswer }],
        async longestGap(during) {
          const from = await lab.call<number>("now");
          await during();
          return lab.call<number>("gap", { name, from });
        },
        server: async () => (await client(name))?.server,
        async remove() {
          await control.call("remove", { name });
        },
      };
    },
    health: async (server) =>
      readHealth(await run(server, ["curl", "--silent", `http://127.0.0.1:${healthPort}/healthz`])),
    drain: async (server, on) => void (await run(server, agentCommand(on ? "drain" : "undrain"))),
    sleep: (milliseconds, signal) => pause(milliseconds, undefined, { signal }),
  };
}
