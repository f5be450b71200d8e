import { join } from "node:path";
import { bundle, namespaceTest, stepsOf, temporaryFolder } from "./namespace";

const folder = temporaryFolder();

const steps = (program: string, args?: readonly string[]) => stepsOf(folder, program, args);

namespaceTest(
  "a server's life: boot, clients, faults, restart without the registry, drain",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    expect(await steps("life", [agent])).toEqual([
      "boot",
      "healthy",
      "added",
      "revoked",
      "expired",
      "drift mended",
      "corrupt client file",
      "hung storage",
      "served without the registry",
      "registry back",
      "restarted without a drain",
      "drained",
      "no secret in the log",
    ]);
  },
  90_000,
);

namespaceTest(
  "each fault of a server is seen and said, and mended ones are forgiven",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    expect(await steps("faults", [agent])).toEqual([
      "healthy",
      "network-up again",
      "session lost",
      "forwarding off",
      "firewall gone",
      "masquerade gone",
      "forward rules gone",
      "interface down",
      "wrong key",
      "wg hangs",
      "agent stopped and continued",
      "bad revision",
      "a client reaches nothing of the probe",
      "the probe is in no record",
    ]);
  },
  180_000,
);

namespaceTest(
  "the model of peer changes agrees with the real wg, and 10,000 clients go in with one call",
  async () => {
    expect(await steps("wg-model")).toEqual(["model", "scale"]);
  },
  90_000,
);
