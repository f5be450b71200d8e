/** `add-one ROOT NAME`: adds one client in a process that has read nothing yet, and prints the milliseconds. */
import { RegistryWriter } from "../../registry/writer";
import { somePublicKey } from "./filler";

async function main(): Promise<void> {
  const [root = "", name = ""] = process.argv.slice(2);
  const client = { name, publicKey: somePublicKey() };
  const began = performance.now();
  await new RegistryWriter(root).add(client, { who: "bench" });
  process.stdout.write(`${performance.now() - began}\n`);
}

void main();
