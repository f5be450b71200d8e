import type { Watched } from "../../monitoring/alarm";

/** A cluster of three zones. */
export const WATCHED: Watched<string> = {
  cluster: "c",
  minServers: 3,
  takeover: true,
  routed: true,
  zones: ["z-a", "z-b", "z-c"],
  loadBalancer: "net/n/1",
  targetGroup: "targetgroup/t/2",
  groupName: "g",
  fileSystemId: "fs-1",
  functionName: "c-control",
  launchFailureRule: "c-launch-failures",
};
