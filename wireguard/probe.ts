/**
 * How the probe of a server is laid out: a network namespace with a WireGuard interface that is a client of the same server,
 * and a veth pair to the server. Shared by the agent, which makes and uses it, and by the firewall, which lets it through.
 *
 * Link-local addresses (RFC 3927) are never routed and never a client's destination; AWS uses others of that range
 * (169.254.169.x, EC2 user guide, "Access instance metadata").
 */
export const PROBE = {
  namespace: "wgc-probe",
  /** The server's end of the cable: the agent's sockets are bound here. */
  outside: { interface: "wgp0", address: "169.254.77.1" },
  /** The namespace's end. */
  inside: { interface: "wgp1", address: "169.254.77.2" },
  prefix: 30,
  /** The namespace's WireGuard interface; not named wg0, because wireguard-go names its control socket after it for all namespaces. */
  tunnel: "wgprobe",
  tunnelPort: 51820,
  /** Where the probe sends to through the tunnel; nobody's own address. */
  target: "169.254.77.9",
  /** UDP ports, above those that the kernel gives out by itself (ip_local_port_range). */
  ports: { entry: 61901, target: 61902, echo: 61903 },
} as const;
