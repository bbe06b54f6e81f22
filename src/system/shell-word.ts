// Words for a shell, POSIX's or PowerShell, and the words of a line that is written as for one.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_02_02
// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules
import process from "node:process";

/** A text in single quotes, within which a shell reads nothing. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A text as one word of the system's shell, in quotes only if it must be. */
export function shellWord(text: string): string {
  if (process.platform === "win32") return windowsWord(text);
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteForShell(text);
}

/** A text as a person types it in PowerShell and in cmd.exe, whose quotes differ: "..." is a word in both, if no $ or % is in it. */
export function windowsWord(text: string): string {
  if (/^[\w+=:./\\-]+$/.test(text)) return text;
  return /["$`]/.test(text) ? quoteForPowerShell(text) : `"${text}"`;
}

/** A text in single quotes, within which PowerShell reads nothing; it takes the typographic ones for quotes too. */
export function quoteForPowerShell(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201B]/g, "$&$&")}'`;
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

/** Splits a command that is started without a shell (a credential_process) as the AWS CLI does on this system. */
export function splitCommand(text: string, platform = process.platform): string[] | undefined {
  return platform === "win32" ? splitWindowsWords(text) : splitWords(text);
}

// A backslash is one, but for those before a double quote: two are one there, and the last one of an odd number keeps the quote.
// https://github.com/boto/botocore/blob/1.44.8/botocore/compat.py (_windows_shell_split)
function splitWindowsWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let isQuoted = false;
  for (const [, slashes = "", char = ""] of text.matchAll(/(\\*)([^\\]|$)/gs)) {
    const isQuote = char === '"';
    const kept = isQuote ? slashes.slice(0, slashes.length >> 1) : slashes;
    if (kept !== "") word = (word ?? "") + kept;
    if (isQuote) {
      word ??= "";
      if (slashes.length % 2 === 1) word += char;
      else isQuoted = !isQuoted;
    } else if (/[ \t]/.test(char) && !isQuoted) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char !== "") word = (word ?? "") + char;
  }
  if (isQuoted) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
