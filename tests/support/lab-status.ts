import type { LabStatus } from "../../lab/status";

/** What a lab without anything in it tells, but for what a test says of it. */
export const labStatus = (rest: Partial<LabStatus>): LabStatus => ({
  ...{ stack: "dev", uptime: 1, wireguard: "kernel", endpoint: "x:1", failOpen: [], zones: [] },
  ...{ servers: [], clients: [], backends: [], routes: [], group: { min: 1, max: 9, desired: 3 } },
  ...{ addressing: "masquerade", topology: "active-active", tunnelCidr: "10.100.0.0/16" },
  api: { state: "fine", latency: 1500 },
  ...rest,
});
