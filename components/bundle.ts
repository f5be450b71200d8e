import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { buildSync } from "esbuild";
import { UserError } from "../config/errors";

/** A program as one file, named by its content. */
export interface Bundle {
  readonly sha256: string;
  /** Path of the file, relative to the working directory, so that state is the same on every machine. */
  readonly file: string;
}

/** The project's package.json, whose version is its programs'. */
const MANIFEST = join(__dirname, "..", "package.json");

/**
 * Bundles a program into one CommonJS file and stores it as `<outputFolder>/<sha256>.js`. The same sources give the same bytes on
 * every machine: no source map, no absolute path, no time; the version is package.json's.
 * @param what the program's name in errors: `the agent`
 * @throws UserError when the entry is missing or does not compile.
 */
export function bundleProgram(what: string, entry: string, outputFolder: string): Bundle {
  if (!existsSync(entry))
    throw new UserError(`${what}'s source ${entry} is missing; is this checkout complete? (git status)`);
  const content = compile(what, entry);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const file = join(outputFolder, `${sha256}.js`);
  mkdirSync(outputFolder, { recursive: true });
  // Two programs may bundle at once (a preview beside a test): write aside, then rename.
  const aside = `${file}.${process.pid}`;
  writeFileSync(aside, content);
  renameSync(aside, file);
  return { sha256, file: relative(process.cwd(), file) };
}

function compile(what: string, entry: string): Uint8Array {
  try {
    const result = buildSync({
      entryPoints: [entry],
      bundle: true,
      write: false,
      // Read by agent/version.ts and control/; logs, `agent.js version` and wgc_agent_info show it.
      define: { __WGC_VERSION__: JSON.stringify(projectVersion()) },
      platform: "node",
      target: "node24",
      format: "cjs",
      // Paths in the output's comments are relative to this folder.
      absWorkingDir: dirname(dirname(entry)),
      // The same program from a checkout whose node_modules is a link.
      preserveSymlinks: true,
      minifySyntax: true,
      minifyWhitespace: true,
      legalComments: "none",
      sourcemap: false,
      charset: "utf8",
      logLevel: "silent",
    });
    const output = result.outputFiles[0];
    if (output === undefined) throw new Error("esbuild wrote nothing");
    return output.contents;
  } catch (cause) {
    throw new UserError(
      `${what} (${entry}) cannot be bundled: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function projectVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(MANIFEST, "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    if (typeof manifest.version === "string") return manifest.version;
  }
  throw new Error(`${MANIFEST} has no version`);
}
