/** Pieces of SVG text. Colours are classes, so that one picture serves light and dark pages. */
export type Tone = "plain" | "edge" | "server" | "storage" | "zone" | "vpc" | "ghost";

const STYLE = `
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", Helvetica, Arial, "DejaVu Sans", sans-serif; font-size: 12px; fill: #1f2933; }
  .title { font-size: 19px; font-weight: 600; } .head { font-size: 13px; font-weight: 600; } .small { font-size: 11px; fill: #52606d; }
  .tiny { font-size: 10.5px; fill: #52606d; } .label { font-size: 11px; font-weight: 600; fill: #3e4c59; } .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 11px; }
  .page { fill: #ffffff; } .plain { fill: #f5f7fa; stroke: #9aa5b1; } .edge { fill: #e8e0fb; stroke: #7c5cd6; } .server { fill: #dcf3e6; stroke: #2f9461; }
  .storage { fill: #fdeecf; stroke: #c98a12; } .zone { fill: #f0f4f9; stroke: #b8c4d2; } .vpc { fill: none; stroke: #5b7fb5; stroke-dasharray: 6 4; }
  .ghost { fill: none; stroke: #2f9461; stroke-dasharray: 5 4; } .chip { fill: #ffffff; }
  .arrow { fill: none; stroke: #52606d; stroke-width: 1.5; } .tip { fill: #52606d; } .dotted { stroke-dasharray: 3 4; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e9f0; } .small, .tiny { fill: #a7b3c2; } .label { fill: #c9d3df; } .page { fill: #12171e; } .chip { fill: #12171e; }
    .plain { fill: #1d242d; stroke: #6b7a8c; } .edge { fill: #2d2450; stroke: #a78bfa; } .server { fill: #143626; stroke: #4cc38a; }
    .storage { fill: #3d2e0c; stroke: #e0a82e; } .zone { fill: #181f28; stroke: #3a4756; } .vpc { stroke: #7ea3db; } .ghost { stroke: #4cc38a; }
    .arrow { stroke: #a7b3c2; } .tip { fill: #a7b3c2; }
  }`;

export function svgDocument(width: number, height: number, title: string, body: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${xmlText(title)}">
<title>${xmlText(title)}</title>
<style>${STYLE}
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>
<rect class="page" width="${width}" height="${height}"/>
${body.join("\n")}
</svg>
`;
}

export function xmlText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export function box(place: Box, tone: Tone, radius = 8): string {
  return `<rect class="${tone}" x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}" rx="${radius}"/>`;
}

export function write(
  x: number,
  y: number,
  text: string,
  kind = "",
  anchor: "start" | "middle" | "end" = "start",
): string {
  const style = kind === "" ? "" : ` class="${kind}"`;
  return `<text${style} x="${x}" y="${y}" text-anchor="${anchor}">${xmlText(text)}</text>`;
}

/** An arrow along points, with a label on a chip of the page's colour so that lines do not run through it. */
export function arrow(
  points: readonly (readonly [number, number])[],
  label = "",
  at?: readonly [number, number],
  dotted = false,
): string {
  const path = points.map(([x, y], index) => `${index === 0 ? "M" : "L"}${x} ${y}`).join(" ");
  const line = `<path class="arrow${dotted ? " dotted" : ""}" d="${path}" marker-end="url(#tip)"/>`;
  if (label === "" || at === undefined) return line;
  const width = textWidth(label, 11) + 10;
  const chip = `<rect class="chip" x="${at[0] - width / 2}" y="${at[1] - 9}" width="${width}" height="17" rx="4"/>`;
  return `${line}${chip}${write(at[0], at[1] + 4, label, "label", "middle")}`;
}

/** Close enough for chips and centring; the picture does not depend on it. */
export function textWidth(text: string, fontSize: number): number {
  return text.length * fontSize * 0.6;
}
