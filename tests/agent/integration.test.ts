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

namespaceTest(
  "clients' keys are replaced while they talk to real servers",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    expect(await steps("client-keys", [agent])).toEqual([
      "the former key goes on",
      "the new key's first handshake gives it the address",
      "the other servers follow, other clients' sessions go on",
      "a session of the new key is recorded and taken over",
      "the former key is refused",
      "an agent's restart lets no former key back in",
      "a server without takeover sees it with its next look",
      "the former key ends with the limit",
      "a preshared key alone: at once for new handshakes, the session goes on",
      "revoked: neither key",
    ]);
  },
  120_000,
);

namespaceTest(
  "the server key is replaced while clients talk to real servers, twice, and once given up",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    expect(await steps("server-key", [agent])).toEqual([
      "both keys are served at once",
      "a client may go back and forth",
      "sessions of the next key are taken over",
      "an agent's restart touches no session",
      "a server that is started again serves both",
      "finished: who has moved goes on",
      "who has not moved is out",
      "a server boots into the second generation",
      "aborted",
      "finished while agents were down: the first port again",
    ]);
  },
  180_000,
);
