/** The demo's live picture as text: a pure function of what is known, so that tests can look at it. */
import pc from "picocolors";
import type { LabEvent, LabStatus, ServerStatus } from "../lab/status";
import type { Measured, StoryStep } from "../lab/story";
import { duration } from "./output";

export interface StepView {
  step: Pick<StoryStep, "name" | "title">;
  state: "waiting" | "running" | "done" | "failed";
  milliseconds: number;
}

export interface DemoView {
  elapsed: number;
  steps: StepView[];
  status: LabStatus | undefined;
  events: LabEvent[];
  /** Width of the terminal in columns. */
  width: number;
  /** Counts up, to turn the spinner. */
  frame: number;
}

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const EVENT_LINES = 5;
/** Silence after which a client is shown as cut off; probes leave ten times a second. */
const SILENT_MS = 1000;

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character starts a colour code
const COLOUR = /\u001b\[[0-9;]*m/g;
const visible = (text: string): number => text.replace(COLOUR, "").length;
const pad = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - visible(text)));

/** At most so many visible characters; colour codes count nothing and all stay, so that none is left open. */
function clip(text: string, width: number): string {
  let left = width;
  const parts = text.split(new RegExp(`(${COLOUR.source})`));
  return parts
    .map((part, index) => {
      if (index % 2 === 1) return part;
      const kept = [...part].slice(0, left).join("");
      left -= visible(kept);
      return kept;
    })
    .join("");
}

function stepLine(view: StepView, frame: number): string {
  const { title } = view.step;
  switch (view.state) {
    case "waiting":
      return pc.dim(`  ${title}`);
    case "running":
      return `${pc.cyan(SPINNER[frame % SPINNER.length] ?? "")} ${title} ${pc.dim(duration(view.milliseconds))}`;
    case "done":
      return `${pc.green("✓")} ${title} ${pc.dim(duration(view.milliseconds))}`;
    case "failed":
      return `${pc.red("✗")} ${title}`;
  }
}

function serverBox(server: ServerStatus, clients: number): string {
  const sessions = `${clients} client${clients === 1 ? "" : "s"}`;
  const name = pad(server.name, 4);
  if (server.state === "crashed" || server.state === "failed")
    return `${pc.red("✗")} ${name}${pc.red(server.state)}`;
  if (server.cut) return `${pc.red("○")} ${name}${pc.red("cut off")}`;
  if (server.state !== "running") return `${pc.yellow("◌")} ${name}${server.state}`;
  if (server.health === "healthy") return `${pc.green("●")} ${name}healthy   ${sessions}`;
  return `${pc.yellow("◍")} ${name}${pad(server.health, 9)} ${sessions}`;
}

/** Zones as columns, servers below each other. */
function zonesPart(status: LabStatus, width: number): string[] {
  const column = Math.min(34, Math.floor(width / status.zones.length));
  const boxes = status.zones.map((zone) =>
    status.servers
      .filter((server) => server.zone === zone.name)
      .map((server) =>
        serverBox(server, status.clients.filter((client) => client.server === server.name).length),
      ),
  );
  const rows = Math.max(1, ...boxes.map((box) => box.length));
  const line = (cells: string[]): string =>
    cells
      .map((cell) => pad(clip(cell, column - 1), column))
      .join("")
      .trimEnd();
  return [
    line(status.zones.map((zone) => `${pc.bold(zone.name)} ${pc.dim(zone.publicIp)}`)),
    ...Array.from({ length: rows }, (_, row) => line(boxes.map((box) => box[row] ?? ""))),
  ];
}

function clientsPart(status: LabStatus): string[] {
  if (status.clients.length === 0) return [];
  const head = pc.dim(
    `${pad("client", 9)}${pad("tunnel address", 17)}${pad("server", 8)}${pad("round trip", 14)}answers`,
  );
  const rows = status.clients.map((client) => {
    const silent = client.silent === undefined || client.silent > SILENT_MS;
    const trip = silent
      ? pc.red(pad(`silent ${duration(client.silent ?? 0)}`, 14))
      : pc.green(pad(`${client.rtt?.toFixed(1)} ms`, 14));
    return `${pad(client.name, 9)}${pad(client.tunnelAddress, 17)}${pad(client.revoked ? "revoked" : silent ? "-" : (client.server ?? "-"), 8)}${trip}${client.received}/${client.sent}`;
  });
  return [head, ...rows];
}

/** The whole picture, ready to be printed. */
export function renderDemo(view: DemoView): string {
  const title = `${pc.bold("wgc demo")}  ${duration(view.elapsed)}`;
  const about = view.status ? pc.dim(`stack ${view.status.stack}, WireGuard: ${view.status.wireguard}`) : "";
  const cluster = view.status
    ? [...zonesPart(view.status, view.width), "", ...clientsPart(view.status), ""]
    : [];
  const events = view.events
    .slice(-EVENT_LINES)
    .map((event) => pc.dim(`${pad(duration(event.at), 8)}${event.text}`));
  const lines = [
    `${title}  ${about}`,
    "",
    ...view.steps.map((step) => stepLine(step, view.frame)),
    "",
    ...cluster,
    ...events,
  ];
  return lines.map((line) => clip(line, view.width)).join("\n");
}

/** The last word: a table of everything that was measured. */
export function renderSummary(
  results: readonly { step: Pick<StoryStep, "title">; measured: readonly Measured[] }[],
): string {
  const lines = results.flatMap(({ step, measured }) => [
    `${pc.green("✓")} ${pc.bold(step.title)}`,
    ...measured.map((item) => {
      const value =
        item.unit === "ms" ? duration(item.value) : `${item.value}${item.unit && ` ${item.unit}`}`;
      return `    ${pad(item.name, 30)}${pad(value.padStart(8), 10)}${item.note ? pc.dim(item.note) : ""}`.trimEnd();
    }),
  ]);
  return lines.join("\n");
}
