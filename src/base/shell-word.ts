// Words for a POSIX shell.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02

/** A text in single quotes, within which a shell reads nothing. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A text as one word, in quotes only if it must be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text);
}

/** A text for people with a command line in it, each value of which is one word: shellCommand`Run: rdsiam psql ${target}`. */
export function shellCommand(text: TemplateStringsArray, ...words: readonly string[]): string {
  return String.raw({ raw: text }, ...words.map(shellWord));
}
