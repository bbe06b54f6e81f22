// Words for a POSIX shell, and the words of a line that is written as for one.
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

// https://docs.python.org/3/library/shlex.html#shlex.split
/** Splits a line into words (a section name of AWS's files, a credential_process) as Python's shlex.split() does; undefined when a quote or a backslash has no end. */
export function splitWords(text: string): string[] | undefined {
  if (!/['"\\]/.test(text)) return text.match(/[^ \t\r\n]+/g) ?? [];
  const words: string[] = [];
  let word: string | undefined;
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (/[ \t\r\n]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word ??= "";
    if (char === "'" || char === '"') {
      const inside = char === "'" ? /'([^']*)'/y : /"((?:[^"\\]|\\[^])*)"/y;
      inside.lastIndex = index;
      const quoted = inside.exec(text)?.[1];
      if (quoted === undefined) return undefined;
      index = inside.lastIndex - 1;
      // Between double quotes a backslash protects a quote or a backslash alone.
      word += char === "'" ? quoted : quoted.replaceAll(/\\(["\\])/g, "$1");
    } else if (char === "\\") {
      index += 1;
      if (index === text.length) return undefined;
      word += text.charAt(index);
    } else {
      word += char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
