import { KnownClients } from "../../agent/known-clients";
import type { LocalCopy } from "../../agent/local-copy";
import type { ClientFile } from "../../registry/schema";
import type { FakeClock } from "./fake-clock";
import { key, silent } from "./fixtures";

/** The clients of an agent that has a copy of these on its disk, before its start. */
export function knownFromCopy(clock: FakeClock, clients: readonly ClientFile[]): KnownClients {
  const snapshot = { serverPublicKey: key(1), revision: 7, clients, usedKeys: [] };
  const local = { snapshot: async () => snapshot, saveSnapshot: async () => {} } as unknown as LocalCopy;
  return new KnownClients({
    local,
    clock,
    log: silent,
    publicKey: () => key(1),
    probe: { publicKey: key(99), address: "10.100.255.254" },
    onChange: () => {},
  });
}
