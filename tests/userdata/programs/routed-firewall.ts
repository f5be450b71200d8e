// The firewall of routed addressing, rule by rule, with the kernel's own packets: run inside its own namespaces.
import assert from "node:assert/strict";
import { step, until } from "../../agent/programs/support";
import type { Hosts } from "./host";
import {
  at,
  CLIENT,
  counted,
  HOST,
  holder,
  hostIn,
  loadFirewalls,
  makeNetwork,
  type Name,
  overlayIn,
  ROUTER,
  SERVER,
} from "./routed-net";

const program = process.argv[2] ?? "";
const PORT = 7000;
const hosts = new Map<Name, Hosts>();
const on = (name: Name): Hosts => {
  const host = hosts.get(name);
  if (host === undefined) throw new Error(`no programs in ${name}`);
  return host;
};

/** Does something that a rule must refuse: the rule counts it, and those who could have got it have not. */
async function refused(
  by: "s" | "o",
  comment: string,
  act: () => Promise<unknown>,
  from: string = HOST.backend,
  restore: () => Promise<unknown> = async () => undefined,
): Promise<void> {
  const before = await counted(by, comment);
  for (const name of ["c", "d", "s"] as const) await on(name).heard();
  await act();
  await until(`${comment} at ${by}`, async () => (await counted(by, comment)) > before);
  await on("vpc").giveUp();
  await restore();
  // What was sent later has come: so would have what was sent before.
  for (const name of ["c", "d"] as const) await on(name).ask(CLIENT[name], HOST.other, PORT);
  for (const name of ["c", "d", "s"] as const)
    assert.ok(!(await on(name).heard()).includes(from), `${comment}: ${name} has heard ${from}`);
}

/** Counts in the VPC what leaves for the internet with a client's address. */
async function watchInternet(): Promise<() => Promise<number>> {
  const rule = `ip saddr 10.100.0.0/16 ip daddr ${HOST.internet} counter`;
  await at("vpc", "nft", "add table ip look");
  await at("vpc", "nft", "add chain ip look in { type filter hook prerouting priority raw; }");
  await at("vpc", "nft", `add rule ip look in ${rule}`);
  return async () => Number(/packets (\d+)/.exec(await at("vpc", "nft", "list", "table", "ip", "look"))?.[1]);
}

/** Connection tracking of a server begins anew, as at a server that has just taken a client over. */
const forget = (name: Name) => at(name, "conntrack", "-F");

async function addresses(): Promise<void> {
  for (const to of [HOST.backend, HOST.other, HOST.peered])
    assert.equal(await on("c").ask(CLIENT.c, to, PORT), CLIENT.c);
  for (const to of [HOST.internet, HOST.resolver])
    assert.equal(await on("c").ask(CLIENT.c, to, PORT), SERVER.s);
  step("the VPC and routed prefixes see the client's address, the internet and the resolver the server's");
}

async function throughNextHop(): Promise<void> {
  await forget("s");
  assert.equal(await on("d").ask(CLIENT.d, HOST.other, PORT), CLIENT.d);
  assert.equal(await on("d").dial(CLIENT.d, HOST.other, PORT), CLIENT.d);
  const remembered = await at("s", "conntrack", "-L");
  assert.ok(!remembered.includes(CLIENT.d), `the next hop remembers\n${remembered}`);
  assert.ok(!remembered.includes("dport=4790"), `the overlay is tracked\n${remembered}`);
  assert.ok(
    !(await at("o", "conntrack", "-L")).includes("dport=4790"),
    "the overlay is tracked at the holder",
  );
  step("answers reach another server's client over the overlay, and the next hop keeps nothing in mind");
}

async function outlivesItsServer(): Promise<void> {
  for (const [client, server] of [
    ["d", "o"],
    ["c", "s"],
  ] as const) {
    await on(client).dial(CLIENT[client], HOST.other, PORT);
    await forget(server);
    await on("vpc").push("still there");
    assert.equal(await on(client).hear(), "still there");
  }
  step("a connection goes on at a server that has never seen it, also when the backend speaks first");
}

async function newConnections(): Promise<void> {
  const comment = "new connection to a client";
  for (const [client, server] of [
    ["c", "s"],
    ["d", "o"],
  ] as const) {
    await refused(server, comment, () => on("vpc").knock(HOST.other, CLIENT[client], PORT), HOST.other);
    await refused(server, comment, () => on("vpc").send(HOST.other, CLIENT[client], PORT), HOST.other);
    // Known as an answer until the server forgets it.
    assert.equal(await on(client).ask(CLIENT[client], HOST.other, PORT, 6000), CLIENT[client]);
    await forget(server);
    await refused(server, comment, () => on("vpc").send(HOST.other, CLIENT[client], 6000), HOST.other);
    assert.equal(await on("vpc").dial(HOST.backend, CLIENT[client], PORT), HOST.backend);
    assert.equal(await on("vpc").ask(HOST.backend, CLIENT[client], PORT), HOST.backend);
  }
  step("backends open connections to clients here and elsewhere, nobody else does");
  await loadFirewalls({ backendPrefixes: [] });
  for (const client of ["c", "d"] as const)
    await refused(client === "c" ? "s" : "o", comment, () =>
      on("vpc").knock(HOST.backend, CLIENT[client], PORT),
    );
  step("without backends nobody does");
  await loadFirewalls();
}

async function outsiders(): Promise<void> {
  const comment = "new connection to a client";
  // The next hop sends nothing of theirs on; of what it does send, one packet arrives.
  const before = await counted("o", comment);
  await on("vpc").send(HOST.internet, CLIENT.d, PORT);
  await refused("o", comment, () => on("vpc").send(HOST.other, CLIENT.d, PORT), HOST.other);
  assert.equal(await counted("o", comment), before + 1, "the next hop passed on what is from outside");
  // A segment in the middle of a connection, which passes from routed prefixes; this host was in one when the connection began.
  await loadFirewalls({ prefixes: ["10.0.0.0/16", `${HOST.internet}/32`] });
  assert.equal(await on("c").dial(CLIENT.c, HOST.internet, PORT), CLIENT.c);
  await loadFirewalls();
  await forget("s");
  await refused("s", comment, () => on("vpc").push("from outside"), HOST.internet);
  step("from outside the routed prefixes nothing comes to a client, here or elsewhere");
}

async function leaksNothing(): Promise<void> {
  const leaked = await watchInternet();
  assert.equal(await on("c").dial(CLIENT.c, HOST.internet, PORT), SERVER.s);
  await forget("s");
  // The first packet of a flow that is a reset is invalid to connection tracking, hence not translated.
  await refused("s", "client address to the internet", () => on("c").reset());
  assert.equal(await leaked(), 0);
  step("what is not translated does not leave for the internet");
}

async function forged(): Promise<void> {
  // A port that a server opens to everybody.
  await on("s").serve(SERVER.s, 51820);
  for (const address of [CLIENT.d, "10.100.0.99"]) {
    const pretend = async () => {
      await at("vpc", "ip", "address", "add", `${address}/32`, "dev", "lo");
      await on("vpc").send(address, CLIENT.c, PORT);
      await on("vpc").send(address, SERVER.s, 51820);
      await at("vpc", "ip", "address", "del", `${address}/32`, "dev", "lo");
    };
    await refused("s", "forged client address", pretend, address);
  }
  step("who pretends to be a client is dropped");
}

async function loops(): Promise<void> {
  // Each server takes the other for the holder.
  await holder("c", "s", true);
  const act = () => on("vpc").send(HOST.backend, CLIENT.c, PORT);
  const before = await counted("o", "overlay to overlay");
  await refused("o", "overlay to overlay", act, HOST.backend, () => holder("c", "s", false));
  assert.equal(await counted("o", "overlay to overlay"), before + 1, "it has come round again");
  step("two servers that take each other for the holder send nothing to and fro");
}

async function foreign(): Promise<void> {
  const comment = "no member of the mesh";
  const member = (change: "add" | "delete") =>
    at("s", "nft", change, "element", "inet", "wgc", "mesh_members", `{ ${ROUTER} }`);
  const lead = (change: "add" | "del") =>
    at(
      "vpc",
      "sh",
      "-ec",
      `ip route ${change} ${CLIENT.c}/32 encap ip id 51820 dst ${SERVER.s} dev wgc-mesh`,
    );
  const overlay = async () => {
    await lead("add");
    await on("vpc").send(HOST.backend, CLIENT.c, PORT);
  };
  await overlayIn("vpc");
  await on("s").serve(SERVER.s, 51830);
  await refused("s", comment, overlay, HOST.backend, () => lead("del"));
  await refused("s", comment, () => on("vpc").send(ROUTER, SERVER.s, 51830, 51830), ROUTER);
  // The same packets from the same sender, once it is a member.
  await member("add");
  await lead("add");
  assert.equal(await on("vpc").ask(HOST.backend, CLIENT.c, PORT), HOST.backend);
  await lead("del");
  assert.equal(await on("vpc").ask(ROUTER, SERVER.s, 51830, 51830), ROUTER);
  await member("delete");
  await refused("s", comment, () => on("vpc").send(ROUTER, SERVER.s, 51830, 51830), ROUTER);
  await at("vpc", "ip", "link", "del", "wgc-mesh");
  step("overlay and mesh take packets from members only, and from none that has left");
}

/** A client's packet would reach the other server with this one's address, which that one takes for a member's word. */
async function clientsToServers(): Promise<void> {
  const ports = [4790, 51830];
  // All that matters is whether the other server gets it: in the VPC, and where only a part of it is routed.
  for (const prefixes of [undefined, ["10.0.3.0/24"]]) {
    await loadFirewalls(prefixes === undefined ? {} : { prefixes });
    for (const port of ports)
      await refused("s", "tunnel to the servers' own ports", () => on("c").send(CLIENT.c, SERVER.o, port));
  }
  await loadFirewalls();
  step("a client speaks to no server's overlay and mesh");
}

async function toServers(): Promise<void> {
  // A member that passes on what is for the other server itself.
  await at(
    "o",
    "sh",
    "-ec",
    `ip route add 10.100.0.1/32 encap ip id 51820 dst ${SERVER.s} dev wgc-mesh table 120
     ip rule add priority 1 to 10.100.0.1 iif eth0 table 120; ip rule add priority 2 table local; ip rule del priority 0`,
  );
  await at("vpc", "ip", "route", "add", "10.100.0.1/32", "via", SERVER.o);
  await on("s").serve("10.100.0.1", 51820);
  await refused("s", "overlay to server", () => on("vpc").send(HOST.backend, "10.100.0.1", 51820));
  step("nothing reaches a server itself through the overlay");
}

async function clientToClient(): Promise<void> {
  const comment = "client to client";
  const speak = () => on("c").send(CLIENT.c, CLIENT.d, PORT, 6001);
  await refused("s", comment, speak, CLIENT.c);
  await loadFirewalls({ clientToClient: true });
  assert.equal(await on("c").ask(CLIENT.c, CLIENT.d, PORT, 6001), CLIENT.c);
  assert.equal(await on("d").dial(CLIENT.d, CLIENT.c, PORT), CLIENT.d);
  await loadFirewalls();
  await refused("s", comment, speak, CLIENT.c);
  // A server without its filter: the other still refuses, although it knows the flow.
  await at("s", "nft", "delete table inet wgc");
  await refused("o", comment, speak, CLIENT.c);
  await loadFirewalls();
  step("clients reach each other across servers when that is on, and only then");
}

async function main(): Promise<void> {
  await makeNetwork();
  await loadFirewalls();
  for (const name of ["c", "d", "vpc", "s"] as const) hosts.set(name, await hostIn(name, program));
  for (const name of ["c", "d"] as const) await on(name).serve(CLIENT[name], PORT);
  for (const address of Object.values(HOST)) await on("vpc").serve(address, PORT);
  for (const part of [addresses, throughNextHop, outlivesItsServer, newConnections]) await part();
  for (const part of [
    ...[leaksNothing, forged, loops, foreign, clientsToServers],
    ...[clientToClient, outsiders, toServers],
  ])
    await part();
  process.exit();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
