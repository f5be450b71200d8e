import { ClientHolders } from "../../../agent/routed/client-holders";
import { key } from "../fixtures";

const [ALICE, NEW_ALICE, BOB] = [key(1), key(2), key(3)];

function world() {
  const holders = new Map<string, string>();
  const peers = new Map<string, string[]>([
    [ALICE, ["10.100.0.2/32"]],
    [BOB, ["10.100.0.3/32", "10.100.0.4/32"]],
  ]);
  const addresses = new Map([
    ["i-2", "10.0.0.2"],
    ["i-3", "10.0.0.3"],
  ]);
  const routes = new Map<string, string>();
  const table = new ClientHolders({
    instance: "i-1",
    holder: (publicKey) => holders.get(publicKey),
    peer: (publicKey) => {
      const allowedIps = peers.get(publicKey);
      return allowedIps && { publicKey, allowedIps, presharedKey: undefined };
    },
    addressOf: (instance) => addresses.get(instance),
    lead: (address, server) => {
      if (server === undefined) routes.delete(address);
      else routes.set(address, server);
    },
  });
  const at = (publicKey: string, holder: string | undefined) => {
    if (holder === undefined) holders.delete(publicKey);
    else holders.set(publicKey, holder);
    table.update([publicKey]);
    return Object.fromEntries(routes);
  };
  return { table, at, peers, addresses, holders, routes: () => Object.fromEntries(routes) };
}

test("a client's addresses lead to the server that holds it, and nowhere once this one does or nobody", () => {
  const { at } = world();
  expect(at(BOB, "i-2")).toEqual({ "10.100.0.3/32": "10.0.0.2", "10.100.0.4/32": "10.0.0.2" });
  expect(at(BOB, "i-3.next")).toEqual({ "10.100.0.3/32": "10.0.0.3", "10.100.0.4/32": "10.0.0.3" });
  expect(at(BOB, "i-1.next")).toEqual({});
  expect(at(BOB, "i-3")).toEqual({ "10.100.0.3/32": "10.0.0.3", "10.100.0.4/32": "10.0.0.3" });
  expect(at(BOB, undefined)).toEqual({});
});

test("a client that loses an address or is revoked loses its routes", () => {
  const { at, peers, table, routes } = world();
  at(BOB, "i-2");
  peers.set(BOB, ["10.100.0.4/32"]);
  table.update([BOB]);
  expect(routes()).toEqual({ "10.100.0.4/32": "10.0.0.2" });
  peers.delete(BOB);
  table.update([BOB]);
  expect(routes()).toEqual({});
});

test("while a key is replaced the address follows the key that has it", () => {
  const { at, peers, table, routes } = world();
  at(ALICE, "i-2");
  peers.set(NEW_ALICE, []);
  expect(at(NEW_ALICE, "i-3")).toEqual({ "10.100.0.2/32": "10.0.0.2" });
  peers.set(NEW_ALICE, ["10.100.0.2/32"]);
  peers.delete(ALICE);
  table.update([NEW_ALICE]); // the old key's turn comes later, and takes nothing away
  table.update([ALICE]);
  expect(routes()).toEqual({ "10.100.0.2/32": "10.0.0.3" });
});

test("a server that is not known yet, or is reached elsewhere now, gets its clients' routes then", () => {
  const { at, addresses, table, routes } = world();
  expect(at(ALICE, "i-9")).toEqual({});
  addresses.set("i-9", "10.0.0.9");
  table.moved(new Set(["i-9"]));
  expect(routes()).toEqual({ "10.100.0.2/32": "10.0.0.9" });
  addresses.set("i-9", "10.0.0.10");
  table.moved(new Set(["i-2", "i-9"]));
  expect(routes()).toEqual({ "10.100.0.2/32": "10.0.0.10" });
});
