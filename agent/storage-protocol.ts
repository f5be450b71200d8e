import type { ChangesSince, ServerKeys } from "../registry/reader";
import type { ClientFile, ClusterFile, NodeFile, RotationFile } from "../registry/schema";
import type { SessionNews } from "../registry/session-reader";
import type { SessionRecord } from "../registry/sessions";

/** Clients as the storage worker read them, with what was wrong with the others. */
export interface ReadResult {
  readonly clients: readonly ClientFile[];
  readonly problems: readonly string[];
  readonly unreadable: readonly string[];
}

/** What every server has in common, made by the control function: what the cluster is, and the key, with the port it is served at. */
export interface RegistryIdentity {
  readonly cluster: ClusterFile;
  readonly keys: ServerKeys;
  readonly port: number;
  /** The keys that the servers had before this one. */
  readonly former: readonly string[];
}

/** Which server key counts, and how its replacement by the next one goes. */
export interface ServerKeyState {
  readonly publicKey: string;
  readonly port: number;
  readonly next?:
    | { readonly publicKey: string; readonly port: number; readonly phase: RotationFile["phase"] }
    | undefined;
  /** The keys that the servers had before this one. */
  readonly former: readonly string[];
}

/** What a look at the session logs found, and what is wrong with one of them. */
export interface SessionPoll {
  readonly news: readonly SessionNews[];
  readonly problem?: string | undefined;
  /** Servers whose logs could not be read. */
  readonly unread?: readonly string[] | undefined;
}

/** What the storage worker can be asked: arguments and answer of each operation. */
export interface StorageOperations {
  /** The servers' key pair and what the cluster is. */
  identity: { args: { root: string }; result: RegistryIdentity };
  /** Which server key counts; without private keys. */
  serverKey: { args: { root: string }; result: ServerKeyState };
  /** The private key of the next generation, while there is one. */
  nextKey: { args: { root: string }; result: string | null };
  /** What changed since a revision. */
  follow: { args: { root: string; revision: number }; result: ChangesSince };
  /** All clients; they arrive in parts, the answer itself holds none. */
  readAll: {
    args: { root: string };
    /** Without a public key (both key files are damaged) the cluster's name alone tells whose registry it is. */
    result: ReadResult & {
      revision: number;
      publicKey?: string | undefined;
      keyProblem?: string | undefined;
      cluster: string;
    };
  };
  readClients: { args: { root: string; names: readonly string[] }; result: ReadResult };
  /** What each server last said about itself. */
  readNodes: { args: { runtimeRoot: string }; result: readonly NodeFile[] };
  /** The key of the servers' messages to each other, in base64; made when there is none. */
  meshKey: { args: { runtimeRoot: string }; result: string };
  writeNode: { args: { runtimeRoot: string; record: NodeFile }; result: null };
  /** New keys of clients that some server has seen used. */
  readUsedKeys: { args: { runtimeRoot: string }; result: readonly string[] };
  /** Marks new keys of clients as used, for all servers and for good. */
  markUsedKeys: { args: { runtimeRoot: string; publicKeys: readonly string[] }; result: null };
  /** Marks clients that have used the server's next key. */
  markMoved: {
    args: { runtimeRoot: string; serverKey: string; publicKeys: readonly string[] };
    result: null;
  };
  /** What all servers appended to their session logs since this reader's last time; everything after a worker's start. */
  pollSessions: { args: { runtimeRoot: string; reader: string }; result: SessionPoll };
  appendSessions: {
    args: { runtimeRoot: string; instance: string; records: readonly SessionRecord[] };
    result: null;
  };
  /** Makes these records the whole log of a server. */
  rewriteSessions: {
    args: { runtimeRoot: string; instance: string; records: readonly SessionRecord[] };
    result: null;
  };
}

/** The name of an operation. */
export type StorageOperation = keyof StorageOperations;

/** A request to the worker. */
export interface StorageRequest {
  readonly id: number;
  readonly operation: StorageOperation;
  readonly args: unknown;
}

/** What the worker sends: that it has started, and for each request any number of parts, then one answer. */
export type StorageMessage =
  | { readonly kind: "ready" }
  | { readonly id: number; readonly kind: "part"; readonly clients: readonly ClientFile[] }
  | { readonly id: number; readonly kind: "answer"; readonly value: unknown }
  | { readonly id: number; readonly kind: "error"; readonly message: string; readonly errorKind: string };
