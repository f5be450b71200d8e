import type { ImportEntry } from "../control/protocol";

/** What files can be imported. */
export const importFormats = ["wg-quick", "wg-easy", "wg-portal"] as const;
export type ImportFormat = (typeof importFormats)[number];

/** A client of the file that cannot be imported: where it is and why; the reason never repeats a key. */
export interface Refusal {
  readonly where: string;
  readonly reason: string;
}

/** What a file holds, as `import` takes it. Private keys in the file are looked at, never returned. */
export interface Parsed {
  readonly format: ImportFormat;
  readonly entries: readonly ImportEntry[];
  readonly refused: readonly Refusal[];
  /** What is different from the file, for the operator to read before anything is changed. */
  readonly notes: readonly string[];
  /** The old server's public key: clients go on working unchanged only when the cluster has the same one. */
  readonly serverPublicKey?: string;
}

/** One client as its file describes it, before it has a valid name. */
export interface Candidate {
  /** Where it is in the file, like `line 12` or `client 2`. */
  readonly where: string;
  readonly wantedName: string | undefined;
  readonly publicKey: string;
  readonly presharedKey?: string | undefined;
  /** As the file has them: with or without a length, IPv4 or IPv6. */
  readonly addresses: readonly string[];
  readonly routes?: readonly string[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly expiresAt?: string | undefined;
  readonly disabled?: boolean | undefined;
  /** Why it cannot be taken over, where its file says something that must not be left out. */
  readonly problem?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}
