import type { Plan } from "../../plan";
import type { Ask, Pair } from "./ask";
import { evaluate } from "./evaluate";
import { pairsOf } from "./requests";
import { type Document, documentsOf, policiesFor } from "./world";

/** What a plan's policies say about one request. */
export function decide(documents: readonly Document[], ask: Ask) {
  return evaluate(policiesFor(documents, ask), ask);
}

/** Requests that are not answered as the table says. */
export function accessFaults(documents: readonly Document[], pairs: readonly Pair[]): string[] {
  return pairs.flatMap(({ who, allowed, denied }) => [
    ...(decide(documents, allowed).allowed ? [] : [`${who} may not: ${allowed.says}`]),
    ...denied.flatMap((ask) =>
      decide(documents, ask).allowed ? [`${who} may: ${ask.says} (${allowed.says})`] : [],
    ),
  ]);
}

/** The table as Markdown: what is allowed and by which statement, beside what is denied and by what. */
export function renderAccess(plan: Plan): string {
  const documents = documentsOf(plan);
  const rows = pairsOf(plan).map(({ who, allowed, denied }) => [
    who,
    `${allowed.says}: \`${allowed.action}\``,
    decide(documents, allowed).by?.sid ?? "**nothing**",
    denied.map((ask) => describe(documents, ask, allowed)).join("; "),
  ]);
  const lines = [["who", "may", "by", "may not (denied by)"], ["---", "---", "---", "---"], ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function describe(documents: readonly Document[], ask: Ask, allowed: Ask): string {
  const action = ask.action === allowed.action ? "" : ` \`${ask.action}\``;
  const by = decide(documents, ask).by;
  return `${ask.says}${action}${by === undefined ? "" : ` (${by.sid})`}`;
}
