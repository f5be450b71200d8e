/** What an image of Debian's packages is made from: pure data and text, so that a change of it makes a new image. */
import { createHash } from "node:crypto";

/** Names what an image is made from. @param scripts text of the scripts that make it and that it runs */
export function recipeHash(release: string, packages: readonly string[], scripts: readonly string[]): string {
  return createHash("sha256")
    .update(JSON.stringify({ release, packages, scripts }))
    .digest("hex")
    .slice(0, 16);
}

/** The fields of os-release(5). */
export function parseOsRelease(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/^(\w+)=("?)(.*)\2$/gm)];
  return Object.fromEntries(pairs.map(([, name = "", , value = ""]) => [name, value]));
}

/** Name of the release, as apt's sources know it. @param osRelease text of os-release(5) */
export function releaseOf(osRelease: string): string {
  return parseOsRelease(osRelease)["VERSION_CODENAME"] ?? "unknown";
}
