import type { Operation } from "../protocol";
import { add, remove, restore, revoke, rotate, update } from "./clients";
import type { Perform } from "./context";
import { config, list, show } from "./reading";
import { serverKey } from "./server-key";
import { audit, check, exportClients, importClients, init, status } from "./whole";

/** Every operation of the protocol. */
export const performers: { readonly [O in Operation]: Perform<O> } = {
  init,
  add,
  list,
  show,
  update,
  revoke,
  restore,
  remove,
  rotate,
  config,
  import: importClients,
  export: exportClients,
  check,
  status,
  audit,
  serverKey,
};
