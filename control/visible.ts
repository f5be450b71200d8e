/** Characters that a terminal acts on instead of showing them: control characters, line separators, and what turns the direction of writing. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** A text that somebody else wrote, with everything in it to be seen: an escape sequence in a tag must not paint over other lines. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** The same in quotes, on one line, and not longer than so many characters. */
export function shortened(text: string, most: number): string {
  return visible(JSON.stringify(text.length > most ? `${text.slice(0, most - 1)}…` : text));
}
