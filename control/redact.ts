import { shortened } from "./visible";

/** Thirty-two bytes in base64, the form of every WireGuard key. */
const KEY = /[A-Za-z0-9+/]{43}=/g;

/** Whether a text may hold a key, whole or without its end: such a text is never a name and never part of a message. */
export function mayHoldKey(text: string): boolean {
  return (text.match(/[A-Za-z0-9+/]{40,}=?/g) ?? []).some(
    (run) => run.endsWith("=") || (/[A-Z]/.test(run) && /[a-z]/.test(run)),
  );
}

/** The text without anything that looks like a key; public keys go too, nobody can tell them from the others. */
export function redact(text: string): string {
  return text.replace(KEY, "[redacted]");
}

/** A text that somebody else wrote, fit to stand in a message: short, on one line, no key. */
export function quote(text: string): string {
  if (mayHoldKey(text)) return "(not shown)";
  return shortened(text, 64);
}
