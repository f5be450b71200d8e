/**
 * Where things live in the lab. The VPC's ranges come from the plan; the public ones are documentation ranges
 * (RFC 5737), which exist nowhere outside the lab's own namespaces.
 */
import { Address4 } from "ip-address";
import { UserError } from "../config/errors";

/** Network that stands for the internet: clients, and one host that they reach through the tunnel. */
export const INTERNET = { cidr: "198.51.100.0/24", bridge: "internet", host: "198.51.100.200" } as const;

/** Link-local address of the instance metadata service, the same on every instance. */
export const METADATA_ADDRESS = "169.254.169.254";

/** Where all of AWS's services answer booted servers: an address on the internet, as AWS's own are. */
export const AWS_SERVICES = { address: "198.51.100.201", port: 4566 } as const;

/** The lab's AWS: an address of the internet, where a region's endpoints are; everything asks it by plain HTTP. */
export const API_ADDRESS = "203.0.113.250";
export const API_PORT = 80;

/** First public address of the servers, as the internet gateway translates them; the load balancer's come from the plan. */
const SERVER_PUBLIC_BASE = "203.0.113.10";

/** The n-th address of a range, counted from its network address (0). */
export function hostOf(cidr: string, n: number): string {
  const range = new Address4(cidr);
  return Address4.fromBigInt(range.startAddress().bigInt() + BigInt(n)).correctForm();
}

/** `10.0.32.10/20` for the n-th host of 10.0.32.0/20. */
export function hostWithPrefix(cidr: string, n: number): string {
  return `${hostOf(cidr, n)}/${new Address4(cidr).subnetMask}`;
}

export const ROUTER_HOST = 1; // AWS gives the VPC router the first address of every subnet as well
const BALANCER_HOST = 5; // the first address that AWS hands out in a subnet: 1-3 are reserved
const FIRST_SERVER_HOST = 10;
const BACKEND_HOST = 200;
const FIRST_CLIENT_HOST = 10;

const lastHost = (subnet: string): number => 2 ** (32 - new Address4(subnet).subnetMask) - 2;

/**
 * The address of the n-th server in a subnet; small subnets, down to a /28, are used from 10 upwards, then from 6.
 *
 * @throws UserError when the subnet has no room for one more server.
 */
export function serverAddress(subnet: string, slot: number): string {
  const free = Array.from({ length: lastHost(subnet) }, (_, host) => host)
    .filter((host) => host > BALANCER_HOST && hostOf(subnet, host) !== backendAddress(subnet))
    .sort((a, b) => Number(a < FIRST_SERVER_HOST) - Number(b < FIRST_SERVER_HOST) || a - b);
  const host = free[slot];
  if (host === undefined) {
    throw new UserError(`subnet ${subnet} has no address for server ${slot + 1}; make wgc:vpcCidr larger`);
  }
  return hostOf(subnet, host);
}

export const balancerAddress = (subnet: string): string => hostOf(subnet, BALANCER_HOST);
/** The backend's address; in a subnet smaller than a /24 its last host. */
export const backendAddress = (subnet: string): string =>
  hostOf(subnet, Math.min(BACKEND_HOST, lastHost(subnet)));
/** The backend that clients' probes talk to. */
export function probeHost(model: { readonly backends: readonly { cidr: string }[] }): string {
  const [first] = model.backends;
  if (!first) throw new Error("the lab has no backend");
  return backendAddress(first.cidr);
}
export const clientAddress = (index: number): string => hostOf(INTERNET.cidr, FIRST_CLIENT_HOST + index);
export const serverPublicAddress = (index: number): string => hostOf(`${SERVER_PUBLIC_BASE}/32`, index);
