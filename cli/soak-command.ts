/** `wgc soak`: random faults for as long as you like, and a verdict: exit code 0 when nothing broke. */
import type { Command } from "commander";
import { oneOf, wholeNumber } from "../bench/failover/options";
import { ADDRESSING } from "../bench/failover/types";
import { Soak, type SoakReport } from "../bench/soak/soak";
import { UserError } from "../config/errors";
import { duration, print, printJson, say, table } from "./output";
import { openWorkshop } from "./workshop";

interface SoakWords {
  minutes: string;
  seed: string;
  addressing: string;
  stack: string;
  json?: boolean;
  yes?: boolean;
}

/** The report for people. */
export function renderSoak(report: SoakReport): string {
  const counts = Object.entries(report.actions).map(([kind, count]) => `${count} × ${kind}`);
  const servers = Object.entries(report.servers).map(([name, { first, last }]) => [
    name,
    `${first.agent_rss_mib} → ${last.agent_rss_mib} MiB`,
    `${first.wireguard_rss_mib} → ${last.wireguard_rss_mib} MiB`,
    `${first.agent_fds} → ${last.agent_fds}`,
    `${first.processes} → ${last.processes}`,
    `${first.set_elements} → ${last.set_elements}`,
  ]);
  const outages = Object.entries(report.longest_outage_ms).map(
    ([name, ms]) => `${name} ${duration(ms)} (from ${report.longest_outage_at_s[name]} s)`,
  );
  return [
    `${report.minutes} minutes with seed ${report.seed}: ${counts.join(", ")}`,
    `${report.clients} clients, ${report.revoked} of them revoked; longest times without an answer: ${outages.join(", ")}`,
    ...report.passed_over.map((text) => `passed over: ${text}`),
    "",
    table(["server", "agent", "wireguard-go", "open files", "processes", "set elements"], servers),
    "",
    ...(report.problems.length === 0
      ? ["nothing broke"]
      : [
          ...report.problems.map((problem) => `BROKEN: ${problem}`),
          `repeat it with: ./wgc soak --minutes ${report.minutes} --seed ${report.seed}` +
            `${report.addressing === "routed" ? " --addressing routed" : ""}`,
        ]),
  ].join("\n");
}

async function soak(project: string, words: SoakWords): Promise<void> {
  const minutes = wholeNumber("minutes", words.minutes, 1, 1440);
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(words.seed))
    throw new UserError(`--seed must be 1 to 64 letters, digits, '.', '_' or '-', not '${words.seed}'`);
  const addressing = oneOf("addressing", words.addressing, ADDRESSING);
  const workshop = await openWorkshop(project, words.yes === true);
  say(`soaking for ${minutes} min with seed ${words.seed} ...`);
  const report = await Soak.run(workshop, { minutes, seed: words.seed, stack: words.stack, addressing });
  if (words.json) printJson(report);
  else print(renderSoak(report));
  if (report.problems.length > 0) process.exitCode = 1;
}

/** Adds `wgc soak`. */
export function addSoakCommand(program: Command, project: string): void {
  program
    .command("soak")
    .description(
      "random faults every few seconds; exit code 1 when a client is lost, a revoked one gets in, or a server leaks",
    )
    .option("--minutes <n>", "how long", "10")
    .option(
      "--seed <text>",
      "what the faults follow from: the same seed, the same faults",
      String(Date.now() % 100_000),
    )
    .option(
      "--addressing <mode>",
      `${ADDRESSING.join(" or ")}: whether backends see clients' own addresses`,
      "masquerade",
    )
    .option("-s, --stack <name>", "stack to realise", "dev")
    .option("--json", "print the report as JSON")
    .option("-y, --yes", "install missing system packages without asking")
    .addHelpText(
      "after",
      "\nExamples:\n  $ ./wgc soak --minutes 10 --seed 7\n  $ ./wgc soak --minutes 2 --json",
    )
    .action((options: SoakWords) => soak(project, options));
}
