import { join } from "node:path";
import { bundle, namespaceTest, stepsOf, temporaryFolder } from "../namespace";

const folder = temporaryFolder();

const steps = (program: string, args?: readonly string[]) => stepsOf(folder, program, args);

namespaceTest(
  "the table of sessions with the real nft and conntrack",
  async () => {
    const flood = bundle("tests/agent/programs/flood.ts", join(folder, "flood.js"));
    expect(await steps("sessions-table", [flood])).toEqual([
      "strays that began before anybody listened",
      "events of IPv4",
      "own indices of IPv4",
      "events of IPv6",
      "own indices of IPv6",
      "how late events are told",
      "silence of IPv4",
      "silence of IPv6",
      "a chain that somebody flushed is missed",
      "strays up to the limits",
      "loaded again",
      "heard more than there is room for",
      "an older table replaced",
    ]);
  },
  60_000,
);

namespaceTest(
  "session takeover between three real servers, packet by packet",
  async () => {
    const agent = bundle("agent/main.ts", join(folder, "agent.js"));
    const flood = bundle("tests/agent/programs/flood.ts", join(folder, "flood.js"));
    const skewed = bundle("tests/agent/programs/skewed-server.ts", join(folder, "skewed-server.js"));
    expect(await steps("takeover", [agent, flood, skewed])).toEqual([
      "takeover IPv4",
      "the server that lost a client is silent",
      "back within a minute",
      "takeover after a takeover",
      "moves in quick succession",
      "takeover IPv6",
      "revoked and expired clients",
      "only handshakes to a known client, and no more after it did not answer",
      "100,000 forged strays",
      "a client that moves during a flood goes on, by takeover or by its own timers",
      "agent restarted: sessions untouched, the handshakes of the gap are recorded",
      "agent restarted: a session that went away meanwhile is let go",
      "the agent's table flushed",
      "a server that was started again takes its clients back",
      "storage unreadable",
      "storage hangs",
      "two servers want one client",
      "a server that nothing reaches forgets its sessions",
      "a server 2 s behind is refused, one 2 s ahead is not",
      "2 s behind the last handshake: taken over once the clock has passed it",
    ]);
  },
  300_000,
);
