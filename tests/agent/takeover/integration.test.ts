import { join } from "node:path";
import { bundle, inNamespace, namespaceTest, temporaryFolder } from "../namespace";

const folder = temporaryFolder();

async function steps(program: string, args: readonly string[] = []): Promise<string[]> {
  const file = bundle(`tests/agent/programs/${program}.ts`, join(folder, `${program}.js`));
  const { code, out, err } = await inNamespace(file, args);
  if (code !== 0) throw new Error(`${program} ended with ${code}\n${out}\n${err}`);
  return out
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line).step);
}

namespaceTest(
  "the table of sessions with the real nft and conntrack",
  async () => {
    expect(await steps("sessions-table")).toEqual([
      "events of IPv4",
      "own indices of IPv4",
      "events of IPv6",
      "own indices of IPv6",
      "loaded again",
      "an older table replaced",
    ]);
  },
  60_000,
);
