// Words of a shell-like line: section names in AWS's files, and the command line of a credential_process.
// https://docs.python.org/3/library/shlex.html#shlex.split

/** Splits words as Python's shlex.split() does; undefined when a quote or a backslash has no end. */
export function splitWords(text: string): string[] | undefined {
  if (!/['"\\]/.test(text)) return text.split(/[ \t\r\n]+/).filter((word) => word !== "");
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
