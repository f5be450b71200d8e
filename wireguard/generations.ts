/**
 * Two generations of the server key are served at once while the key is replaced. WireGuard cannot serve two keys on one port, so each
 * has an interface and a port of its own. Shared by the firewall, which lets both through, and by the agent.
 */
export const INTERFACES = { current: "wg0", next: "wg1" } as const;

/** The second port: of the load balancer for every other generation, and of a server for the next key. */
export function secondPort(listenPort: number): number {
  return listenPort + 1;
}
