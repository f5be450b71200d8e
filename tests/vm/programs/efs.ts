// The two mounts of the virtual machine's file server, and what happens to it (vm/nfs).

import type { ClientFile } from "../../../registry/schema";
import { generateKeyPair } from "../../../wireguard/keys";
import { tool } from "../../agent/programs/support";

/** The agent's bundle and the script that runs the file server, from the command line. */
export const [agentBundle = "", script = ""] = process.argv.slice(2);
/** One folder, as the servers see it and as the control function sees it: through two clients that share no cache. */
export const VIEWS = { servers: "/efs/servers", control: "/efs/control" } as const;

/** What can happen to the file server. */
export type Happening = "stop" | "start" | "cut" | "mend";

/** The file server is where the machine's first process is; the agent and its firewall are in a network namespace of their own. */
export const fileServer = (happening: Happening): Promise<string> =>
  tool("nsenter", "--net=/proc/1/ns/net", "sh", script, happening);

/** A client that nobody else is. */
export const newClient = (name: string): { name: string; publicKey: string } => ({
  name,
  publicKey: generateKeyPair().publicKey,
});

/** What tells two states of one client apart. */
export const stateOf = (client: ClientFile | undefined): string =>
  client === undefined ? "gone" : `${client.publicKey} ${client.revokedAt === undefined ? "" : "revoked"}`;
