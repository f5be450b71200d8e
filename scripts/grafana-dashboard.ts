/** Writes monitoring/grafana/wgc.json: npx tsx scripts/grafana-dashboard.ts */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { grafanaDashboard } from "../monitoring/grafana/dashboard";

writeFileSync(
  join(__dirname, "..", "monitoring", "grafana", "wgc.json"),
  `${JSON.stringify(grafanaDashboard(), null, 2)}\n`,
);
