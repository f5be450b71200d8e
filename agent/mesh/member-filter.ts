import { MESH_MEMBERS } from "../../wireguard/overlay";
import type { Exec } from "../exec";
import { messageOf } from "../log";

const SET = `inet wgc ${MESH_MEMBERS}`;
const LIMIT_MS = 10_000;

/**
 * Tells the firewall which addresses are servers of this cluster: nothing else may speak to the mesh's ports. The set is filled anew
 * now and then, because whoever loads the firewall again empties it.
 */
export class MemberFilter {
  private last = "";
  private running = false;
  /** Whether the set is to be filled although the members are the same. */
  private isStale = false;
  problem: string | undefined;

  constructor(private readonly exec: Exec) {}

  /** Makes these the members. @param again although they have not changed */
  async set(addresses: readonly string[], again = false): Promise<void> {
    const elements = [...new Set(addresses)].sort().join(", ");
    this.isStale ||= again;
    if (this.running || (!this.isStale && elements === this.last)) return; // the next beat comes soon
    this.running = true;
    this.isStale = false;
    try {
      const fill = elements === "" ? "" : `add element ${SET} { ${elements} }\n`;
      await this.exec("nft", ["-f", "-"], { timeoutMs: LIMIT_MS, stdin: `flush set ${SET}\n${fill}` });
      this.last = elements;
      this.problem = undefined;
    } catch (error) {
      this.last = "unknown";
      this.problem = `the firewall does not know the other servers: ${messageOf(error)}`;
    } finally {
      this.running = false;
    }
  }
}
