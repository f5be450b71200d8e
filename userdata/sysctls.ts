/**
 * Kernel settings of a server: only keys that belong to a network namespace, so that the same file loads in a container.
 * https://docs.kernel.org/networking/ip-sysctl.html
 */
const SYSCTLS: Readonly<Record<string, { readonly value: number; readonly why: string }>> = {
  "net.ipv4.ip_forward": { value: 1, why: "packets of clients are passed on" },
  "net.ipv4.conf.all.rp_filter": {
    value: 2,
    why: "loose: strict checking drops replies when routes differ by direction",
  },
  "net.ipv4.conf.default.rp_filter": { value: 2, why: "the same for interfaces made later, like wg0" },
  "net.ipv4.conf.all.send_redirects": {
    value: 0,
    why: "a router with one uplink must not send clients past itself",
  },
  "net.ipv4.conf.default.send_redirects": { value: 0, why: "the same for interfaces made later" },
  "net.ipv4.conf.all.accept_redirects": { value: 0, why: "nobody may change this router's routes" },
  "net.ipv4.conf.default.accept_redirects": { value: 0, why: "the same for interfaces made later" },
};

/** Renders the sysctl.d file. */
export function renderSysctls(): string {
  const lines = Object.entries(SYSCTLS).map(([key, { value, why }]) => `# ${why}\n${key} = ${value}`);
  return `${lines.join("\n")}\n`;
}
