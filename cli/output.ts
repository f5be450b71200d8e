/** What the command line prints: results on standard output, everything about progress on standard error. */
import Table from "cli-table3";
import pc from "picocolors";
import { visible } from "../control/visible";

export { visible } from "../control/visible";

/** Prints a line of progress. */
export function say(text: string): void {
  process.stderr.write(`${pc.dim("wgc:")} ${text}\n`);
}

/** Prints a result for people. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints a result for machines: one JSON document. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** `1.2 s` or `340 ms`. */
export function duration(milliseconds: number): string {
  return milliseconds >= 1000 ? `${(milliseconds / 1000).toFixed(1)} s` : `${Math.round(milliseconds)} ms`;
}

/** Cells come with our own colours (ECMA-48, SGR), which stay. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
const COLOUR = /(\u001b\[\d+(?:;\d+)*m)/;

function visibleCell(cell: string | number): string {
  const parts = String(cell).split(COLOUR);
  return parts.map((part, index) => (index % 2 === 1 ? part : visible(part))).join("");
}

const NO_LINES = Object.fromEntries(
  ["top", "bottom", "left", "right", "mid"].flatMap((side) =>
    ["", "-mid", "-left", "-right", "-mid-mid"].map((part) => [`${side}${part}`, ""]),
  ),
);

/** A plain table: a dim head, columns two spaces apart, no lines. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const lines = new Table({
    chars: { ...NO_LINES, middle: "  " },
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  lines.push(
    head.map((title) => pc.dim(title)),
    ...rows.map((row) => row.map(visibleCell)),
  );
  return lines.toString();
}
