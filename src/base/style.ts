// Colour on a terminal, under the rules that others keep too: FORCE_COLOR, else NO_COLOR, else TERM=dumb, else whether it
// is a terminal. Colour never says what the words do not.
// https://no-color.org, https://force-color.org, https://nodejs.org/api/tty.html#writestreamgetcolordepthenv
import { styleText } from "node:util";

/** The colors of a terminal, in the order of their numbers. */
export const COLORS = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
] as const;

/** A color of a terminal. */
export type Color = (typeof COLORS)[number];

/** What a piece of text is, or the color of its target. */
export type StyleRole = "error" | "warning" | "ok" | "skip" | "heading" | "label" | "faint" | Color;

/** Paints a text, or leaves it as it is where there is no colour. */
export type Style = (role: StyleRole, text: string) => string;

const FORMATS = {
  error: ["bold", "red"],
  warning: ["bold", "yellow"],
  ok: ["green"],
  skip: ["yellow"],
  heading: ["bold"],
  label: ["bold"],
  faint: ["dim"],
} as const;

const ROLES_OF_LABELS: Readonly<Record<string, StyleRole>> = {
  error: "error",
  warning: "warning",
  DETAIL: "label",
  HINT: "label",
};

/** Leaves every text as it is. */
export const PLAIN: Style = (_role, text) => text;

/** The style for a stream; `isTTY` as Node's own streams have it. */
export function styleFor(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): Style {
  return hasColour(stream, env) ? paint : PLAIN;
}

/** Whether a stream takes colour. */
export function hasColour(
  stream: { readonly isTTY?: boolean | undefined },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return !/^(?:0|false|no|never)$/i.test(forced);
  if (env["NO_COLOR"] || env["TERM"] === "dumb") return false;
  return stream.isTTY === true;
}

/** Paints what begins the lines of an error or a warning: `rdsiam: error:`, `DETAIL:`, `HINT:`. */
export function paintLabels(text: string, style: Style): string {
  return text.replaceAll(
    /^(rdsiam: )?(error|warning|DETAIL|HINT):/gm,
    (_whole, program: string | undefined, label: string) =>
      `${program ?? ""}${style(ROLES_OF_LABELS[label] ?? "label", `${label}:`)}`,
  );
}

function paint(role: StyleRole, text: string): string {
  // Whether the stream is a terminal has been settled: not once more, and not of the process's own stdout.
  const format =
    role in FORMATS ? FORMATS[role as keyof typeof FORMATS] : (["bold", role] as const);
  return styleText([...format] as Parameters<typeof styleText>[0], text, { validateStream: false });
}
