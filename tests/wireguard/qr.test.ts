import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { renderClientConfig } from "../../wireguard/config";
import {
  type Modules,
  pngOf,
  qrColumns,
  qrModules,
  qrPng,
  qrSvg,
  qrTerminal,
} from "../../wireguard/formats/qr";
import { temporaryFolder } from "../agent/namespace";
import { runTool, type Tool, testWith } from "../support/tool";
import { FULL, SPLIT } from "./profiles";

const ZBAR: Tool = { name: "zbarimg", probe: ["zbarimg", "--version"] };
const RSVG: Tool = {
  name: "rsvg-convert",
  probe: ["sh", "-c", "rsvg-convert --version && zbarimg --version"],
};
const folder = temporaryFolder();
const CONFIG = renderClientConfig(SPLIT);

/** What a reader sees in a picture. */
function decode(picture: string): string {
  const { code, text } = runTool("zbarimg", [
    "--nodbus",
    "--quiet",
    "--raw",
    "--oneshot",
    "-Sbinary",
    picture,
  ]);
  if (code !== 0) throw new Error(`zbarimg: ${text}`);
  return text;
}

/** The modules that a terminal shows, each half block two of them; what is not drawn is dark. */
function seen(text: string): Modules {
  const rows = text.split("\n").map((line) => [...line.replaceAll(/\p{Cc}\[[\d;]*m/gu, "")]);
  return rows.flatMap((row) => [
    row.map((character) => character === "▄" || character === " "),
    row.map((character) => character === "▀" || character === " "),
  ]);
}

testWith(ZBAR, "a phone reads the PNG: the same bytes", () => {
  for (const config of [CONFIG, renderClientConfig(FULL)]) {
    writeFileSync(join(folder, "qr.png"), qrPng(config));
    expect(decode(join(folder, "qr.png"))).toBe(config);
  }
});

testWith(ZBAR, "a phone reads the terminal: the same bytes, with and without colours", () => {
  for (const colours of [true, false]) {
    writeFileSync(join(folder, "terminal.png"), pngOf(seen(qrTerminal(CONFIG, colours)), 4));
    expect(decode(join(folder, "terminal.png"))).toBe(CONFIG);
  }
});

testWith(RSVG, "a phone reads the SVG: the same bytes", () => {
  writeFileSync(join(folder, "qr.svg"), qrSvg(CONFIG));
  const drawn = runTool("rsvg-convert", ["--output", join(folder, "svg.png"), join(folder, "qr.svg")]);
  expect(drawn).toEqual({ code: 0, text: "" });
  expect(decode(join(folder, "svg.png"))).toBe(CONFIG);
});

test("a usual configuration fits into 80 columns", () => {
  expect(qrColumns(CONFIG)).toBeLessThanOrEqual(80);
  const widths = qrTerminal(CONFIG, false)
    .split("\n")
    .map((line) => line.length);
  expect(new Set(widths)).toEqual(new Set([qrColumns(CONFIG)]));
});

test("with colours every line sets them and puts them back", () => {
  for (const line of qrTerminal("x", true).split("\n")) {
    expect(line.startsWith("\u001b[97;40m")).toBe(true);
    expect(line.endsWith("\u001b[0m")).toBe(true);
  }
  expect(qrTerminal("x", false)).not.toContain("\u001b");
});

test("the PNG's pixels are the modules, eight wide, with a light border of four modules", () => {
  const modules = qrModules("x", 4);
  const png = qrPng("x");
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([modules.length * 8, modules.length * 8]);
  const data = inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)));
  // One byte is one module, because a module is eight pixels wide; a row begins with its filter.
  const stride = 1 + modules.length;
  const drawn = modules.map((_, y) => modules.map((_, x) => data[y * 8 * stride + 1 + x] === 0));
  expect(drawn).toEqual(modules);
  expect(modules.slice(0, 4).flat()).not.toContain(true);
});

test("what does not fit into a QR code is refused, without its text", () => {
  const long = "s3cret".repeat(500);
  for (const render of [qrPng, qrSvg, qrColumns, (text: string) => qrTerminal(text, false)]) {
    expect(() => render(long)).toThrow(new RangeError("3000 bytes do not fit into a QR code (at most 2953)"));
  }
});
