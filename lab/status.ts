/** What a running lab tells about itself: the live view, `lab status --json` and the tests read this. */
import type { ApiTrouble } from "./aws/trouble";
import type { NatKind } from "./nat";
import type { LabRouting } from "./network-model";
import type { ServerState } from "./server";

export interface ServerStatus {
  name: string;
  instance: string;
  zone: string;
  address: string;
  state: ServerState;
  /** As the load balancer sees it; "unused" when it is not registered. */
  health: "initial" | "healthy" | "unhealthy" | "draining" | "unused";
  /** What the last health check saw. */
  reason: string;
  /** Flows that the load balancer's flow table holds for it. */
  flows: number;
  /** Milliseconds from the start of user data to its end. */
  bootTime: number;
  /** What its first boot did, step by step. */
  boot: string[];
  /** Whether its packets vanish (black hole, lost zone). */
  cut: boolean;
}

export interface ClientStatus {
  name: string;
  /** What stands between it and the internet. */
  nat: NatKind;
  /** Address on the lab's internet, and the port that its packets come from there. */
  address: string;
  externalPort: number;
  tunnelAddress: string;
  /** The load balancer's address that this client's DNS answer named. */
  via: string;
  revoked: boolean;
  /** Server that carried the last answer; with routed addressing the one that the load balancer sends the client's packets to. */
  server: string | undefined;
  sent: number;
  received: number;
  /** Round trip of the last answer, milliseconds. */
  rtt: number | undefined;
  /** Milliseconds since the last answer. */
  silent: number | undefined;
}

export interface LabStatus {
  stack: string;
  /** Milliseconds since the lab was asked to start. */
  uptime: number;
  wireguard: "kernel" | "wireguard-go";
  endpoint: string;
  zones: { name: string; publicIp: string }[];
  /** Whether backends see clients' own addresses. */
  addressing: LabRouting["mode"];
  /** Whether all servers serve, or one while the others stand by. */
  topology: "active-active" | "active-passive";
  tunnelCidr: string;
  /** Hosts behind the servers; clients' probes talk to the first one. */
  backends: { name: string; zone: string; address: string }[];
  routes: RouteStatus[];
  /** How the API of AWS behaves. */
  api: ApiTrouble;
  group: { min: number; max: number; desired: number };
  failOpen: string[];
  servers: ServerStatus[];
  clients: ClientStatus[];
}

/** A route of the VPC that an API call made. */
export interface RouteStatus {
  /** Route table, the zone that it is of, and the ranges of the subnets that use it. */
  table: string;
  zone: string;
  subnets: string[];
  destination: string;
  /** The network interface that it leads to. */
  interface: string;
  /** The server with that interface; null when the interface is gone and the route a black hole. */
  server: string | null;
}

/** One line of the lab's story: what happened, and when (milliseconds since the start). */
export interface LabEvent {
  at: number;
  text: string;
  level: "info" | "good" | "bad";
}
