import { mkdirSync, writeFileSync } from "node:fs";
import { toJson } from "../../registry/files";
import { registryPaths } from "../../registry/layout";
import { scanClients } from "../../registry/reader";
import type { ClientFile } from "../../registry/schema";
import { folders } from "./support";

const folder = folders();

/** A registry's clients, of which one's file is damaged and another one's is about somebody else. */
function registry(count: number): { root: string; names: string[] } {
  const root = folder();
  const paths = registryPaths(root);
  mkdirSync(paths.clients, { recursive: true });
  const names = Array.from({ length: count }, (_, index) => `client-${String(index).padStart(3, "0")}`);
  for (const [index, name] of names.entries()) {
    const client: ClientFile = {
      schema: 1,
      name: index === 9 ? "mallory" : name,
      publicKey: Buffer.alloc(32, 1)
        .fill(index, 1, 3)
        .fill(index >> 8, 3, 5)
        .toString("base64"),
      addresses: [`10.100.${index >> 8}.${index % 256}/32`],
      createdAt: "2026-01-01T00:00:00Z",
      tags: {},
    };
    writeFileSync(paths.client(name), index === 7 ? "{" : toJson(client));
  }
  return { root, names: names.filter((_, index) => index !== 7 && index !== 9) };
}

test("clients are passed on while the others are read: each once, in order; what cannot be used is named", async () => {
  const { root, names } = registry(302);
  const parts: string[][] = [];
  const scan = await scanClients(root, (clients) => parts.push(clients.map(({ name }) => name)));
  expect(parts.map((part) => part.length)).toEqual([128, 128, 44]);
  expect(parts.flat()).toEqual(names);
  expect(scan.clients.map(({ name }) => name)).toEqual(names);
  expect(scan.unreadable).toEqual(["client-007", "client-009"]);
  expect(scan.problems.map(({ problem }) => problem)).toEqual([
    "is not JSON (1 characters, perhaps cut off)",
    'is about "mallory", not "client-009"',
  ]);
});

test("nothing is passed on twice where the last part is a full one, and no empty part", async () => {
  const { root } = registry(130);
  const lengths: number[] = [];
  await scanClients(root, (clients) => lengths.push(clients.length));
  expect(lengths).toEqual([128]);
});
