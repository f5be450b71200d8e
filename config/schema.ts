import * as z from "zod";
import { capacitySettings } from "./capacity-settings";
import { networkSettings } from "./network-settings";
import { flag, integer, oneOf, range, rangeList, routeTableList, tagMap, text, textList } from "./values";

const ADDRESS = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
const DNS_NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;

/**
 * Rules that a security group takes in one direction, by the default quota
 * (https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html); each range is a rule.
 */
const RULES_OF_A_GROUP = 60;

/** The servers' group lets four things out besides clients' packets: HTTPS, NFS, mesh and overlay. */
const RULES_OF_THE_SERVERS = 4;

/** What becomes part of user data, of which EC2 takes 16 KB, is bounded so that all of it fits (a test renders the most). */
const MOST_ROUTED = { prefixes: 20, routeTables: 12 };

/** AWS takes 50 tags on a resource; up to six are the program's own, the rest is left to the organisation. */
const MOST_TAGS = 40;

/**
 * Every setting of a stack, with its default, its bounds and its description. Nothing but this and what it includes knows them:
 * `Pulumi.yaml` declares the same keys (a test compares the two) and the error messages are made from here.
 */
export const settingsSchema = z.strictObject({
  clusterName: text(
    /^[a-z][a-z0-9-]{0,22}[a-z0-9]$/,
    "2 to 24 lower-case letters, digits and hyphens, starting with a letter",
    {
      default: "",
      example: "wgc-dev",
      description:
        "Name of the cluster in tags, log groups and the registry; empty means wgc-<stack>. Not changeable after the first deployment.",
    },
  ),
  protect: flag({
    default: "false",
    example: "true",
    description:
      "Refuse to delete what cannot be made again: file system, key, static addresses, load balancer.",
  }),
  tags: tagMap(
    MOST_TAGS,
    ["Project", "Cluster", "Stack", "Name", "SubnetType", "wgc:cluster", "wgc:routed"],
    {
      default: "",
      example: "Owner=network,Environment=dev",
      description:
        "Tags for every resource except the agent's object in S3 and the servers' disks and network interfaces (a new tag there would replace all servers).",
    },
  ),

  ...networkSettings,

  // The next port is the one of every other generation of the server key.
  listenPort: integer(1, 65534, {
    default: "51820",
    example: "51820",
    description:
      "UDP port that clients connect to. After a change give clients their new configuration files (operations.md).",
  }),
  // One rule of the load balancer's group is path MTU discovery's.
  clientSourceRanges: rangeList(RULES_OF_A_GROUP - 1, {
    default: "0.0.0.0/0",
    example: "0.0.0.0/0",
    description: "Where clients may connect from.",
  }),
  // The agent has no right to ports below 1024 (capabilities(7), CAP_NET_BIND_SERVICE).
  healthPort: integer(1024, 65535, {
    default: "8080",
    example: "8080",
    description: "TCP port of the agent's /healthz and /metrics, reachable from inside the VPC only.",
  }),
  crossZone: flag({
    default: "true",
    example: "true",
    description:
      "Let the load balancer use servers of every zone from every zone; off saves $0.02 per GB and needs a server in each zone.",
  }),
  deregistrationDelaySeconds: integer(0, 3600, {
    default: "30",
    example: "30",
    description: "Seconds a server that the group takes out keeps its flows.",
  }),
  dnsName: text(DNS_NAME, "a DNS name like vpn.example.com", {
    default: "",
    example: "vpn.example.com",
    description:
      "DNS name of the client endpoint, made as an alias in dnsZone. After a change give clients their new configuration files (operations.md).",
  }),
  dnsZone: text(DNS_NAME, "the name of a public Route 53 zone like example.com", {
    default: "",
    example: "example.com",
    description: "Public Route 53 zone of dnsName; it must exist already.",
  }),

  tunnelCidr: range(8, 28, {
    default: "10.100.0.0/16",
    example: "10.100.0.0/16",
    description:
      "Addresses inside the tunnel; the first one is the servers', each client gets one. Not changeable after the first deployment.",
  }),
  clientRoutes: rangeList(RULES_OF_A_GROUP - RULES_OF_THE_SERVERS, {
    default: "",
    example: "10.0.0.0/16",
    description:
      "What clients reach through the tunnel; empty means the VPC, 0.0.0.0/0 means everything. After a change give clients their new configuration files (operations.md).",
  }),
  clientDns: textList(ADDRESS, "IPv4 addresses", {
    default: "",
    example: "10.0.0.2",
    description:
      "DNS servers for clients; empty leaves a client's own. After a change give clients their new configuration files (operations.md).",
  }),
  mtu: integer(1280, 1440, {
    default: "1420",
    example: "1420",
    description:
      "MTU of the tunnel: 1500 less 80 bytes of WireGuard over IPv6, 60 over IPv4. After a change give clients their new configuration files (operations.md).",
  }),
  persistentKeepalive: integer(1, 119, {
    default: "25",
    example: "25",
    description:
      "Seconds between a silent client's keepalives; the load balancer forgets a UDP flow after 120. After a change give clients their new configuration files (operations.md).",
  }),

  instanceType: text(/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/, "an EC2 instance type like c7g.medium", {
    default: "c7g.medium",
    example: "c7g.medium",
    description: "EC2 instance type of a server; Graviton types run the arm64 image.",
  }),
  amiId: text(/^ami-[0-9a-f]{8,17}$/, "an image id like ami-0123456789abcdef0", {
    default: "",
    example: "ami-0123456789abcdef0",
    description: "Image to pin; empty means the newest Amazon Linux 2023 at each deployment.",
  }),
  diskGib: integer(8, 1000, {
    default: "8",
    example: "8",
    description: "Size of a server's gp3 disk in GiB ($0.08 a GiB and month).",
  }),
  // 500 targets: the limit of a Network Load Balancer with cross-zone load balancing
  // (https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html).
  minServers: integer(2, 500, { default: "3", example: "2", description: "Fewest servers." }),
  maxServers: integer(2, 500, { default: "9", example: "9", description: "Most servers." }),
  desiredServers: integer(
    2,
    500,
    {
      default: "0",
      example: "3",
      description: "Servers to start with (scaling changes it later); 0 means minServers.",
    },
    [0],
  ),
  drainSeconds: integer(10, 300, {
    default: "60",
    example: "60",
    description:
      "Seconds at most that a server reports unhealthy and serves on until its clients have moved; the load balancer needs 10 to notice, and up to 40 more to move them.",
  }),
  ...capacitySettings,

  serverKeyRotation: flag({
    default: "false",
    example: "true",
    description:
      "Open the UDP port after `listenPort` at the load balancer, at which the next server key is served. Turn on before the server key is rotated, and leave it on: every other key stays there.",
  }),
  takeover: flag({
    default: "true",
    example: "true",
    description:
      "Let a server that the load balancer sends a client's packets to start the handshake itself, instead of waiting for the client's timers.",
  }),
  meshPort: integer(1024, 65535, {
    default: "51830",
    example: "51830",
    description:
      "UDP port at which servers tell each other that they live and which clients they hold; among the servers only.",
  }),
  topology: oneOf(["active-active", "active-passive"], {
    default: "active-active",
    example: "active-active",
    description:
      "Whether all servers serve, or one at a time while the others stand by with every client applied; needs takeover.",
  }),

  addressing: oneOf(["masquerade", "routed"], {
    default: "masquerade",
    example: "masquerade",
    description:
      "Whether clients reach the VPC with their server's address or with their own. With routed, connections outlive a move to another server, backends can reach clients, and backends' security groups must let tunnelCidr in (operations.md); needs takeover.",
  }),
  routedPrefixes: rangeList(MOST_ROUTED.prefixes, {
    default: "",
    example: "10.0.0.0/16",
    description:
      "With routed addressing: where clients keep their own address, which must know the way back; empty means the VPC, which a list has to name as well. All else sees the server's address.",
  }),
  backendPrefixes: rangeList(MOST_ROUTED.prefixes, {
    default: "",
    example: "10.0.32.0/20",
    description:
      "With routed addressing: who may open connections to clients, inside routedPrefixes; empty means nobody.",
  }),
  clientToClient: flag({
    default: "false",
    example: "true",
    description:
      "With routed addressing: let clients reach each other. Clients' routes then contain tunnelCidr unless clientRoutes is set.",
  }),
  routeTables: routeTableList(MOST_ROUTED.routeTables, {
    default: "",
    example: "rtb-0123456789abcdef0=us-east-1a",
    description:
      "With routed addressing: route tables of the VPC besides the program's own that shall carry tunnelCidr to a server, each with the zone of its subnets.",
  }),

  monitoring: oneOf(["none", "basic", "full"], {
    default: "full",
    example: "basic",
    description:
      "none; basic: alarms, and the metrics they need; full: a dashboard, and what it shows, as well. `./wgc cost` says what each costs.",
  }),
  alarmEmail: text(/^[^\s@,]+@[^\s@,]+\.[^\s@,]+$/, "an e-mail address", {
    default: "",
    example: "oncall@example.com",
    description:
      "Who is told of alarms, once the confirmation that AWS sends there is accepted; empty: nobody, until somebody subscribes to the topic.",
  }),

  controlConcurrency: integer(
    1,
    100,
    {
      default: "5",
      example: "5",
      description:
        "Calls of the control function that run at once, taken out of the account's quota; changes wait for each other anyway. 0 reserves none: accounts keep at least 100 unreserved, so those with a new account's quota (10) need it.",
    },
    [0],
  ),

  // The trust policy names each of them, and IAM takes 2,048 characters there (IAM quotas).
  operatorPrincipals: textList(
    /^(account|arn:aws(-cn|-us-gov)?:iam::\d{12}:(root|user\/[\w+=,.@/-]{1,64}))$/,
    "ARNs of IAM users like arn:aws:iam::123456789012:user/alice, or the word account",
    {
      default: "",
      example: "account",
      description:
        "Who may take the operators' role, with MFA: IAM users by their ARNs, or account for all users of this account whose own policy allows it; empty makes no role. A role cannot be named: its sessions carry no MFA (decision 20).",
    },
    12,
  ),

  scaleOutCpuPercent: integer(1, 100, {
    default: "70",
    example: "70",
    description: "Add servers when average CPU use is above this.",
  }),
  scaleInCpuPercent: integer(1, 100, {
    default: "30",
    example: "30",
    description: "Remove one when CPU use is below this and the network is quiet.",
  }),
  scaleOutNetworkMBps: integer(1, 100_000, {
    default: "10",
    example: "10",
    description:
      "Add servers when one carries more than this many MB/s (in and out together, 1 MB is 1,000,000 bytes).",
  }),
  scaleInNetworkMBps: integer(1, 100_000, {
    default: "2",
    example: "2",
    description: "Remove one when servers carry less than this many MB/s and CPU use is low.",
  }),
});

/** The settings as the schema parses them, before empty ones are filled in. */
export type Settings = z.output<typeof settingsSchema>;
/** The name of one setting. */
export type SettingKey = keyof Settings;
