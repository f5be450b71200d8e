import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VpnCluster } from "../../components/vpn-cluster";
import { loadSettings } from "../../config/load";
import { type Made, make } from "./harness";

const folder = mkdtempSync(join(tmpdir(), "wgc-cluster-"));
writeFileSync(join(folder, "main.ts"), "console.log(1);\n");

/** What a whole cluster makes with these settings, which are checked and completed as a stack's are. */
export function build(values: Readonly<Record<string, string>> = {}, preview = false): Promise<Made[]> {
  const own = Object.entries(values).map(([key, value]) => [`wgc:${key}`, value]);
  const { settings } = loadSettings({
    stack: "test",
    values: { "aws:region": "eu-central-1", ...Object.fromEntries(own) },
  });
  const entry = join(folder, "main.ts");
  const args = { ...settings, agentEntry: entry, controlEntry: entry, bundleFolder: join(folder, "out") };
  return make(() => void new VpnCluster("wgc", args), preview);
}
