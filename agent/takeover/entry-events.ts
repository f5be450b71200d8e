import { promises as fs } from "node:fs";

const SETTING = "/proc/sys/net/netfilter/nf_conntrack_events";

/**
 * Makes the kernel tell changes of every entry of connection tracking to whoever listens then. Since Linux 5.19 it otherwise does so only
 * for entries that were made while somebody listened (nf_conntrack_events, docs.kernel.org/networking/nf_conntrack-sysctl.html): a
 * client that was moved here while the agent was started again would never be heard of, since its entry lives as long as it sends.
 *
 * The agent itself may not change the kernel's settings (its unit's sandbox), so `network-up` does.
 *
 * @throws the file system's error, where the kernel has no such setting or this process may not change it
 */
export async function tellAllEntries(setting = SETTING): Promise<void> {
  await fs.writeFile(setting, "1");
}
