// Fits texts to the width of a terminal. Words are never broken: a command or a path must be copied as it is.

/** Breaks a line into lines of at most so many columns; those after the first are indented. */
export function wrap(text: string, columns: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    const before = lines.length > 1 ? indent : 0;
    if (last !== undefined && before + last.length + 1 + word.length <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

/** A text with the files below the home directory as a person writes them: ~/.aws/config. */
export function withTilde(text: string, home: string): string {
  if (!/^\/[^/]/.test(home)) return text;
  const before = /(^|[\s(])$/;
  const [first = "", ...rest] = text.split(`${home.replace(/\/+$/, "")}/`);
  return rest.reduce(
    (done, next) => `${done}${before.test(done) ? "~" : home.replace(/\/+$/, "")}/${next}`,
    first,
  );
}

/** rdsiam's own lines for a terminal: each of message, DETAIL and HINT continues under its own beginning. */
export function fitToTerminal(
  text: string,
  { columns, home }: { readonly columns: number; readonly home: string },
): string {
  const fit = (line: string): string => {
    const label = /^(?:rdsiam: (?:error: |warning: )?|[A-Z]+: {2})/.exec(line)?.[0];
    return label === undefined ? line : wrap(withTilde(line, home), columns, label.length);
  };
  return text.split("\n").map(fit).join("\n");
}
