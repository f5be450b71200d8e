/** The anchors of a page's headings, as GitHub names them. */
export function anchorsOf(page: string): ReadonlySet<string> {
  const headings = [...page.replace(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm)];
  return new Set(
    headings.map(([, text = ""]) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    ),
  );
}
