/** QR codes of a client's wg-quick file, for the mobile apps: on a terminal, as SVG, as PNG. */
import { crc32, deflateSync } from "node:zlib";
import { encode, renderSVG } from "uqr";

/** The quiet zone that readers want, in modules (ISO/IEC 18004: four). */
const QUIET = 4;
/** On a terminal two modules have to do, so that more fits into 80 columns; readers manage. */
const TERMINAL_QUIET = 2;
/** Pixels of a module in a PNG. */
const SCALE = 8;

/** A QR code's modules, row by row; true is dark. */
export type Modules = readonly (readonly boolean[])[];

/** Encodes a text, with a light border of that many modules. Throws a RangeError when it is too long for a QR code (2,953 bytes). */
export function qrModules(text: string, border: number): Modules {
  return encode(checked(text), { ecc: "L", border }).data;
}

/** Columns that {@link qrTerminal} needs for this text. */
export function qrColumns(text: string): number {
  return qrModules(text, TERMINAL_QUIET).length;
}

/**
 * A QR code of half blocks, two modules a character. Colours are set where the terminal takes them, so that dark is dark on every
 * theme; without them light is drawn and dark is left out, which is right on a dark background.
 */
export function qrTerminal(text: string, colours: boolean): string {
  const modules = qrModules(text, TERMINAL_QUIET);
  const lines: string[] = [];
  for (let row = 0; row < modules.length; row += 2) {
    const line = (modules[row] ?? []).map((upper, column) =>
      block(upper, modules[row + 1]?.[column] ?? false),
    );
    // White on black (SGR 97 and 40), whatever the terminal's own colours are.
    lines.push(colours ? `\u001b[97;40m${line.join("")}\u001b[0m` : line.join(""));
  }
  return lines.join("\n");
}

function block(upperDark: boolean, lowerDark: boolean): string {
  if (upperDark) return lowerDark ? " " : "▄";
  return lowerDark ? "▀" : "█";
}

/** A QR code as an SVG picture. */
export function qrSvg(text: string): string {
  return `${renderSVG(checked(text), { ecc: "L", border: QUIET, pixelSize: SCALE })}\n`;
}

/** A QR code as a PNG picture with one bit a pixel. */
export function qrPng(text: string): Buffer {
  return pngOf(qrModules(text, QUIET), SCALE);
}

/** Draws modules as a greyscale PNG (W3C PNG, sections 5 and 11): header, one deflated block of rows, end. */
export function pngOf(modules: Modules, scale: number): Buffer {
  const width = (modules[0]?.length ?? 0) * scale;
  const height = modules.length * scale;
  const stride = 1 + Math.ceil(width / 8); // each row begins with its filter type, 0: none
  const pixels = Buffer.alloc(stride * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const light = !modules[Math.floor(y / scale)]?.[Math.floor(x / scale)];
      const at = y * stride + 1 + (x >> 3);
      if (light) pixels.writeUInt8(pixels.readUInt8(at) | (0x80 >> (x & 7)), at);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(1, 8); // bits a pixel; colour type, compression, filter and interlace stay 0
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** Most bytes of a QR code with the lowest error correction (ISO/IEC 18004, version 40-L). */
const MOST_BYTES = 2953;

function checked(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes > MOST_BYTES)
    throw new RangeError(`${bytes} bytes do not fit into a QR code (at most ${MOST_BYTES})`);
  return text;
}
