import { INTERFACES } from "../wireguard/generations";

/** One chain of the firewall. */
export interface Chain {
  readonly name: string;
  /** What the kernel calls it at; a chain without one is called by other chains. */
  readonly hook?: string;
  readonly rules: readonly string[];
}

/** Names as an anonymous set. */
export const anyOf = (names: readonly string[]): string =>
  `{ ${names.map((name) => `"${name}"`).join(", ")} }`;

/** Both interfaces and both ports, always: while the server key is replaced both are used, and before that nobody listens at the second. */
export const TUNNEL = anyOf(Object.values(INTERFACES));
