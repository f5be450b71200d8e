import { mayHoldKey } from "../control/redact";

/**
 * Forms in which installers and panels write a peer's name into a comment: `### Client alice` (angristan/wireguard-install),
 * `# BEGIN_PEER alice` (Nyr/wireguard-install), `### begin alice ###` (PiVPN), `# Client: alice (id)` (wg-easy),
 * `# friendly_name = alice` (prometheus_wireguard_exporter; WireGuard Portal), `# Name = alice`.
 */
const SAID = [
  /^(?:friendly_?name|name|client_?name|display name|user(?:name)?|peer_?name)\s*[:=]\s*(.+)$/i,
  /^-wgp- display name:\s*(.+)$/i,
  /^client:\s*(.+?)\s*\([0-9a-f-]{36}\)$/i,
  /^(?:client|peer|user)\s*:\s*(.+)$/i,
  /^(?:begin_peer|begin|client)\s+(.+)$/i,
];
/** Comments that are about something else: the end of the peer before, other settings, another program's own data. */
const NOT_A_NAME = /^(?:end_peer|end)\b|^-wgp-|^[a-z_]+\s*[:=]|\[(?:peer|interface)\]/i;

/**
 * The name in the comments of a section: one that says it is a name wins, else the plain text nearest to the section's head
 * (a blank line, here "", ends the nearness). A comment that may hold a key is never a name.
 */
export function nameInComments(comments: readonly string[]): string | undefined {
  const texts = comments.flatMap((comment) => (mayHoldKey(comment) ? [] : [bare(comment)]));
  for (const form of SAID) {
    for (const text of [...texts].reverse()) {
      const name = form.exec(text)?.[1]?.trim();
      if (name !== undefined && name !== "") return name;
    }
  }
  const near = texts.slice(texts.lastIndexOf("") + 1);
  return near.findLast((text) => /[\p{Letter}\p{Number}]/u.test(text) && !NOT_A_NAME.test(text));
}

function bare(comment: string): string {
  return comment.replace(/^[#\s=*-]*(?=-WGP-)|^[#\s=*-]+|[#\s=*-]+$/g, "").trim();
}
