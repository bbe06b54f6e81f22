// Texts for a screen. A user's name, a server's words, a file's name come from elsewhere: none of them begins a line of ours,
// controls the terminal, or turns the direction of what follows (https://trojansource.codes).

const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
const UNPRINTABLE_IN_LINES = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
// ESC [ 1 m, as style.ts paints.
const PAINT = new RegExp(`(${String.fromCodePoint(0x1b)}\\[[\\d;]*m)`);

/** A text as one line that a terminal shows and does not obey. */
export function printable(text: string): string {
  return text.replaceAll(/[\t\r\n]+/g, " ").replaceAll(UNPRINTABLE, "?");
}

/** The same for a text of several lines and with tabs; colors stay where it is `painted`. */
export function printableLines(text: string, painted = false): string {
  const parts = painted ? text.split(PAINT) : [text];
  return parts
    .map((part, index) => (index % 2 === 0 ? part.replaceAll(UNPRINTABLE_IN_LINES, "?") : part))
    .join("");
}

/** A value as JSON, whose own escapes are for the oldest of these characters alone. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replaceAll(
    UNPRINTABLE_IN_LINES,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
