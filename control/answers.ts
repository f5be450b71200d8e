/**
 * What the answers of the control function are made of; protocol.ts has the requests that they answer. They resemble what the registry
 * stores and are not derived from it: a stored form may change while operators with an older CLI still read these.
 */

/** The states a client can be in; an expired client that was also revoked is `revoked`. */
export const clientStates = ["active", "revoked", "expired"] as const;
export type ClientState = (typeof clientStates)[number];

/** A client as it is shown: everything but its preshared key. */
export interface ClientView {
  readonly name: string;
  readonly state: ClientState;
  readonly publicKey: string;
  readonly hasPresharedKey: boolean;
  readonly addresses: readonly string[];
  readonly routes?: readonly string[];
  readonly dns?: readonly string[];
  readonly createdAt: string;
  readonly expiresAt?: string;
  readonly revokedAt?: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The former key, which works until `until` or until the new one has been used. */
  readonly previous?: { readonly publicKey: string; readonly until: string };
}

/** Which server carries a client, and when their last handshake was. */
export interface SessionView {
  readonly instance: string;
  readonly at: string;
}

/** What a client's configuration consists of besides its private key. */
export interface ConfigView {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly dns: readonly string[];
  readonly allowedIps: readonly string[];
  readonly mtu: number;
  readonly publicKey: string;
  readonly presharedKey?: string;
  readonly serverPublicKey: string;
  readonly endpoint: string;
  readonly persistentKeepalive: number;
}

/** What one server last applied. */
export interface NodeView {
  readonly instance: string;
  readonly revision: number;
  readonly peers: number;
  readonly healthy: boolean;
  readonly version: string;
  readonly time: string;
  /** Seconds since the record was written; a server writes at least every ten. */
  readonly ageSeconds: number;
  /** Whether it has everything: its revision is the registry's. */
  readonly current: boolean;
  /** What it last said is not well there: why it is unhealthy, or cannot follow the registry. */
  readonly problems: readonly string[];
  /** The public key of the servers that it has, and the next one while it has that too; missing where it has not said. */
  readonly serverKey?: string;
  readonly nextServerKey?: string;
}

/** What happened to one entry of an import, or would. */
export interface ImportOutcome {
  readonly name: string;
  readonly outcome: "kept" | "changed" | "present" | "refused";
  /** Why it was refused, or what is different from the entry. */
  readonly reasons: readonly string[];
  readonly addresses: readonly string[];
}

/** A problem of the registry; `repaired` when this run mended it. */
export interface CheckFinding {
  readonly path: string;
  readonly problem: string;
  readonly remedy: string;
  readonly repairable: boolean;
  readonly repaired: boolean;
}

/** One line of the audit log; the hash covers the line before and everything here. */
export interface AuditEntryView {
  readonly sequence: number;
  readonly time: string;
  readonly who: string;
  readonly operation: string;
  readonly client?: string;
  readonly before: number;
  readonly after: number;
  /** The fields that changed; never a secret's value. */
  readonly changed: readonly string[];
  /** AWS's number of the invocation, by which CloudTrail's record of it is found. */
  readonly invocation?: string;
  readonly hash: string;
}

/** A server key and where it is served. */
export interface ServerKeyView {
  readonly publicKey: string;
  readonly endpoint: string;
}

/** Where the rotation of the server key stands. */
export interface ServerKeyStatus {
  readonly phase: "steady" | "rotating";
  readonly current: ServerKeyView;
  readonly next?: ServerKeyView;
  readonly startedAt?: string;
  /** Active clients by whether they have used the next key. */
  readonly moved: number;
  readonly waiting: number;
  /** Names of clients that have not, at most 1,000. */
  readonly waitingFor: readonly string[];
  /** Servers that are there and have not said that they have the next key, or the only one while there is no next one. */
  readonly serversWithout: readonly string[];
  /** Servers that are silent, since less than a day, and had not said so before. */
  readonly serversSilent: readonly string[];
}

/** What each operation answers. */
export interface Results {
  init: { readonly publicKey: string; readonly created: boolean };
  add: { readonly client: ClientView };
  list: {
    readonly clients: readonly ClientView[];
    readonly next?: string;
    readonly total: number;
    /** Clients that are left out because their file cannot be read: of all, or of this page where only names are asked for. */
    readonly broken?: readonly string[];
  };
  show: {
    readonly client: ClientView;
    /** Its newest session, where one lives and servers keep records (`wgc:takeover`). */
    readonly session?: SessionView;
    /** Why the session may be another one: not all records could be read. */
    readonly sessionProblem?: string;
  };
  update: { readonly client: ClientView };
  revoke: { readonly client: ClientView };
  restore: { readonly client: ClientView };
  remove: { readonly name: string };
  rotate: { readonly client: ClientView };
  config: { readonly config: ConfigView };
  import: { readonly outcomes: readonly ImportOutcome[]; readonly dryRun: boolean };
  export: {
    readonly cluster: {
      readonly cluster: string;
      readonly endpoint: string;
      readonly publicKey: string;
      readonly tunnelIpv4: string;
    };
    readonly clients: readonly ClientView[];
    readonly next?: string;
    /** As with `list`. */
    readonly broken?: readonly string[];
  };
  check: {
    readonly findings: readonly CheckFinding[];
    readonly clients: number;
    /** Where the audit log ends (`number:hash`), to be kept elsewhere; missing where it has no entry. */
    readonly head?: string;
  };
  status: { readonly cluster: string; readonly endpoint: string; readonly nodes: readonly NodeView[] };
  audit: {
    readonly entries: readonly AuditEntryView[];
    readonly next?: number;
    /** The chain holds from its first entry to its head, which is as much as the registry's own files can prove. */
    readonly intact: boolean;
    readonly problem?: string;
    /** The last entry that holds (`number:hash`). */
    readonly head?: string;
  };
  serverKey: ServerKeyStatus;
}

/** Kinds of failure, for callers that react differently. */
export type ControlErrorCode =
  | "invalid-request"
  | "unsupported-version"
  | "unknown-operation"
  | "unknown-client"
  | "conflict"
  | "full"
  | "locked"
  | "corrupt"
  | "missing"
  | "storage"
  /** Told by the way there, not by the function: the caller lacks a right, or the function was not reached or did not answer. */
  | "forbidden"
  | "unreachable"
  | "internal";

/** Why a request failed. Nothing was changed then, unless `unsettled` says that nobody knows. */
export interface ControlError {
  readonly code: ControlErrorCode;
  /** What is wrong, with what is allowed; never a secret. */
  readonly message: string;
  /** Fields of the request that are wrong, like `input.routes.0`. */
  readonly issues: readonly { readonly path: string; readonly message: string }[];
  /** What to do next. */
  readonly remedy?: string;
  /** The client that was probably meant. */
  readonly suggestion?: string;
  /**
   * The change may have been made, or be completed by the next writer. The same request again settles it: with the same request key, or
   * for `add` and `rotate` with the same public key, it is answered as if nothing had failed.
   */
  readonly unsettled?: true;
}
