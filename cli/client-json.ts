/** The documents that `--json` prints. Their keys never come and go: what is missing is null. */
import type { ClientView, NodeView, Results, SessionView } from "../control/answers";
import type { WaitReport } from "./client-wait";

/** A client. */
export interface ClientJson {
  readonly name: string;
  readonly state: string;
  readonly publicKey: string;
  readonly hasPresharedKey: boolean;
  readonly addresses: readonly string[];
  /** null: the cluster's own. */
  readonly routes: readonly string[] | null;
  readonly dns: readonly string[] | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly previous: { readonly publicKey: string; readonly until: string } | null;
}

export function clientJson(view: ClientView): ClientJson {
  const { previous } = view;
  return {
    name: view.name,
    state: view.state,
    publicKey: view.publicKey,
    hasPresharedKey: view.hasPresharedKey,
    addresses: view.addresses,
    routes: view.routes ?? null,
    dns: view.dns ?? null,
    createdAt: view.createdAt,
    expiresAt: view.expiresAt ?? null,
    revokedAt: view.revokedAt ?? null,
    tags: view.tags,
    previous: previous === undefined ? null : { publicKey: previous.publicKey, until: previous.until },
  };
}

/** `show`: the client, and the server that carries it; both null where no session is known. */
export function shownJson({ client, session, sessionProblem }: Results["show"]): {
  readonly client: ClientJson;
  readonly session: SessionView | null;
  readonly sessionProblem: string | null;
} {
  return {
    client: clientJson(client),
    session: session === undefined ? null : { instance: session.instance, at: session.at },
    sessionProblem: sessionProblem ?? null,
  };
}

/** `add` and `rotate`: the client, and where its configuration went. */
export interface DeliveredJson {
  readonly client: ClientJson;
  readonly revision: number;
  readonly files: readonly string[];
  /** Only with `--out -`: it holds the private key. */
  readonly config: string | null;
  readonly wait: WaitReport | null;
}

/** `revoke`, `restore`, `update`. */
export interface ChangedJson {
  readonly client: ClientJson;
  readonly revision: number;
  readonly wait: WaitReport | null;
}

/** A server in `status`. */
export interface ServerJson extends Omit<NodeView, "serverKey" | "nextServerKey"> {
  readonly serverKey: string | null;
  readonly nextServerKey: string | null;
  /** Revisions that it has not applied. */
  readonly behind: number;
  /** Whether its record is too old to count. */
  readonly silent: boolean;
}
