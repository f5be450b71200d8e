import { readChanges, readClient, readCluster, readServerKeys } from "../../registry/reader";
import { readRotation, withPort } from "../../registry/rotation-files";
import type { ClientFile } from "../../registry/schema";
import { sessionOf } from "../../registry/session-of";
import { fitPage, leftOut, viewOf } from "../views";
import { unknownClient } from "./clients";
import type { OperationContext, Perform } from "./context";

/** A page of clients. */
export const list: Perform<"list"> = async (input, { root, index, now }) => {
  // Before the page: what the page shows is at least as new as the revision says.
  const { revision } = await readChanges(root);
  const page = await index.page(input, now);
  const { items, ...next } = fitPage({
    items: page.clients.map((client) => viewOf(client, now)),
    next: page.next,
  });
  return { revision, result: { clients: items, ...next, total: page.total, ...leftOut(page.broken) } };
};

/** One client, and the server that it is on. */
export const show: Perform<"show"> = async ({ name }, context) => {
  const { revision } = await readChanges(context.root);
  const client = await clientOf(name, context);
  const keys = [client.publicKey, ...(client.previous === undefined ? [] : [client.previous.publicKey])];
  const { session, problem } = await sessionOf(context.runtime, keys, context.now.getTime());
  return {
    revision,
    result: {
      client: viewOf(client, context.now),
      ...(session === undefined
        ? {}
        : { session: { instance: session.instance, at: new Date(session.at).toISOString() } }),
      ...(problem === undefined ? {} : { sessionProblem: problem }),
    },
  };
};

/**
 * What a client's configuration consists of; the only answer with a preshared key. While the server key is rotated, it has the
 * next key and its port: a client that fetches its configuration anew has moved (see docs/operations.md).
 */
export const config: Perform<"config"> = async ({ name }, context) => {
  const { root } = context;
  const { revision } = await readChanges(root);
  const client = await clientOf(name, context);
  const [cluster, server] = [await readCluster(root), await serverOf(root)];
  return {
    revision,
    result: {
      config: {
        name,
        addresses: client.addresses,
        dns: client.dns ?? cluster.dns,
        allowedIps: client.routes ?? cluster.routes,
        mtu: cluster.mtu,
        publicKey: client.publicKey,
        ...(client.presharedKey === undefined ? {} : { presharedKey: client.presharedKey }),
        serverPublicKey: server.publicKey,
        endpoint: server.port === undefined ? cluster.endpoint : withPort(cluster.endpoint, server.port),
        persistentKeepalive: cluster.persistentKeepalive,
      },
    },
  };
};

async function clientOf(name: string, { root }: OperationContext): Promise<ClientFile> {
  const client = await readClient(root, name);
  if (client === undefined) throw unknownClient(root, name);
  return client;
}

/** The server key that a new configuration names. One that is being given up is named no more, one that comes is. */
async function serverOf(root: string): Promise<{ readonly publicKey: string; readonly port?: number }> {
  const rotation = await readRotation(root);
  if (rotation !== undefined && rotation.phase !== "aborting") return rotation.next;
  return { publicKey: (await readServerKeys(root)).publicKey };
}
