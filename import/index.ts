import { UserError } from "../config/errors";
import { parseJsonText } from "./json";
import { type ImportFormat, importFormats, type Parsed } from "./types";
import { isWgEasy, parseWgEasy } from "./wg-easy";
import { isWgPortal, parseWgPortal } from "./wg-portal";
import { parseWgQuick } from "./wg-quick";

export { type ImportFormat, importFormats, type Parsed, type Refusal } from "./types";

const PARSERS: Readonly<Record<ImportFormat, (text: string, now: Date) => Parsed>> = {
  "wg-quick": parseWgQuick,
  "wg-easy": parseWgEasy,
  "wg-portal": parseWgPortal,
};

/** Which program's file this is; undefined when it is none that can be read. */
export function detectFormat(text: string): ImportFormat | undefined {
  const json = parseJsonText(text);
  if (json !== undefined) return isWgEasy(json) ? "wg-easy" : isWgPortal(json) ? "wg-portal" : undefined;
  return /^\s*\[(interface|peer)\]\s*(#.*)?$/im.test(text) ? "wg-quick" : undefined;
}

/**
 * The clients of another system's file. Pure: nothing is read or changed.
 *
 * @throws UserError when the file is none of the known ones, or not the one that `format` names.
 */
export function parseImport(text: string, options: { format?: ImportFormat; now?: Date } = {}): Parsed {
  // The first bytes of every SQLite database (https://www.sqlite.org/fileformat.html section 1.3).
  if (text.startsWith("SQLite format 3"))
    throw new UserError(
      "the file is an SQLite database, as wg-easy keeps its clients from version 15 on; that is not read: import the wg0.conf beside it instead (names are in its comments, disabled clients are missing)",
    );
  const format = detectFormat(text);
  if (format === undefined)
    throw new UserError(
      "the file is neither a server's wg-quick file ([Interface], [Peer]), nor wg-easy's wg0.json, nor WireGuard Portal's peers (JSON of GET /api/v1/peer/by-interface/NAME)",
    );
  if (options.format !== undefined && options.format !== format)
    throw new UserError(
      `the file looks like ${format}, not ${options.format}; leave the format out, or name another file (formats: ${importFormats.join(", ")})`,
    );
  return PARSERS[format](text, options.now ?? new Date());
}
