import { RegistryError } from "../../registry/errors";
import { registryPaths } from "../../registry/layout";
import type { ClientFile } from "../../registry/schema";
import type { Changed } from "../../registry/writer";
import type { ClientView } from "../answers";
import { viewOf } from "../views";
import type { OperationContext, Perform } from "./context";

/** Adds a client. */
export const add: Perform<"add"> = async (input, context) =>
  shown(await context.writer.add(input, context.change), context);

/** Changes what an operator may say about a client. */
export const update: Perform<"update"> = async ({ name, ...change }, context) =>
  shown(await context.writer.update(name, change, context.change), context);

/** Takes a client's access away. */
export const revoke: Perform<"revoke"> = async ({ name }, context) =>
  shown(await context.writer.revoke(name, context.change), context);

/** Gives a client its access back. */
export const restore: Perform<"restore"> = async ({ name }, context) =>
  shown(await context.writer.restore(name, context.change), context);

/** Gives a client new keys. */
export const rotate: Perform<"rotate"> = async ({ name, ...keys }, context) =>
  shown(await context.writer.rotate(name, keys, context.change), context);

/** Forgets a client. The registry does not mind when there is none; an operator who misspelt the name does. */
export const remove: Perform<"remove"> = async ({ name }, context) => {
  const { value, revision } = await context.writer.remove(name, context.change, { mustExist: true });
  return { revision, result: { name: value.name } };
};

/** There is no client of this name; the handler adds the one that was probably meant. */
export function unknownClient(root: string, name: string): RegistryError {
  return new RegistryError(registryPaths(root).client(name), `there is no client ${name}`, "unknown-client");
}

function shown(
  { value, revision }: Changed<ClientFile>,
  { now }: OperationContext,
): { revision: number; result: { client: ClientView } } {
  return { revision, result: { client: viewOf(value, now) } };
}
