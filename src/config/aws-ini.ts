// Parses the text of AWS's config and credentials files exactly as botocore does: Python's configparser.RawConfigParser,
// then one level of indented blocks. Every value keeps its line; what botocore refuses is an error with the line.
// Judged by botocore 1.44.8 on Python 3.11 to 3.13 (test/config/make-botocore-files.py).
// https://github.com/boto/botocore/blob/1.44.8/botocore/configloader.py

import { RdsIamError } from "../base/errors.ts";

/** One value of a file: text, or a block of indented KEY = VALUE lines below an empty value. */
export interface AwsValue {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** The lines of a continued value are joined by \n; undefined for a block. */
  readonly text: string | undefined;
  /** Keys of a block keep their case, the last of two applies, and a : does not separate. */
  readonly block?: ReadonlyMap<string, AwsValue> | undefined;
}

/** The values of one section by lower-case key, those of [DEFAULT] after its own. */
export type AwsValues = ReadonlyMap<string, AwsValue>;

/** One section of a file. */
export interface AwsSection {
  readonly file: string;
  readonly line: number;
  readonly values: AwsValues;
  /** Lines that look like a section header and are the end of the value above them, because they are indented. */
  readonly swallowedHeaders: readonly { readonly line: number; readonly name: string }[];
}

/** The file and line of a value, for people. */
export function whereIs({ file, line }: Pick<AwsValue, "file" | "line">): string {
  return `${file}, line ${line}`;
}

/** Decodes the bytes of a file; anything but UTF-8 without a byte order mark is an error that names it. */
export function decodeAwsFile(bytes: Uint8Array, file: string): string {
  const [first, second, third] = bytes;
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // botocore takes a NUL for text. Each ASCII character of UTF-16 has one, and no key, name or secret of AWS's.
  if (isUtf16 || bytes.includes(0)) {
    const problem = isUtf16 ? "is UTF-16, not UTF-8" : "has NUL bytes: it is UTF-16, or not text";
    throw refusal(file, undefined, problem, {
      hint: `Save it as UTF-8: iconv -f UTF-16 -t UTF-8 "${file}"`,
    });
  }
  if (first === 0xef && second === 0xbb && third === 0xbf) {
    throw refusal(file, 1, "a byte order mark precedes the first [section]", {
      hint: `Save it as UTF-8 without a BOM: sed -i '1s/^\\xEF\\xBB\\xBF//' "${file}"`,
    });
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw refusal(file, badLine(bytes), "this line is not UTF-8", { cause });
  }
}

function badLine(bytes: Uint8Array): number {
  // A byte that is not UTF-8 becomes U+FFFD.
  const lines = splitLines(new TextDecoder("utf-8").decode(bytes));
  return lines.findIndex((line) => line.includes("\uFFFD")) + 1;
}

/** A value that goes on below its first line. */
interface ContinuedValue {
  readonly values: Map<string, AwsValue>;
  readonly key: string;
  readonly first: string;
  /** The lines below, with empty ones, and the number of each. */
  readonly rest: { readonly text: string; readonly line: number }[];
}

interface OpenSection extends AwsSection {
  readonly name: string;
  readonly values: Map<string, AwsValue>;
  swallowedHeaders: AwsSection["swallowedHeaders"];
}

/** Parses the text of a file into its sections by name, as the names are written. */
export function parseAwsIni(text: string, file: string): ReadonlyMap<string, AwsSection> {
  const sections = new Map<string, OpenSection>();
  const defaults = openSection("DEFAULT", file, 0);
  const continued: ContinuedValue[] = [];
  let section: OpenSection | undefined;
  // The value that an indented line belongs to: its key and first line, and the lines of it that came since.
  let open: { readonly key: string; readonly first: string; more?: ContinuedValue } | undefined;
  let emptyLines = 0;
  let indent = 0;
  let number = 0;
  for (const line of splitLines(text)) {
    number += 1;
    const stripped = strip(line);
    if (stripped === "") {
      emptyLines += 1;
      continue;
    }
    // A comment has a line of its own; inside a continued value it is left out.
    if (stripped.startsWith("#") || stripped.startsWith(";")) continue;
    const lineIndent = stripped === line ? 0 : line.indexOf(stripped);
    if (section !== undefined && open !== undefined && lineIndent > indent) {
      if (open.more === undefined) {
        open.more = { values: section.values, key: open.key, first: open.first, rest: [] };
        continued.push(open.more);
      }
      for (; emptyLines > 0; emptyLines -= 1) open.more.rest.push({ text: "", line: number });
      open.more.rest.push({ text: stripped, line: number });
      const swallowed = headerName(stripped);
      if (swallowed !== undefined) {
        const header = { line: number, name: swallowed };
        section.swallowedHeaders = [...section.swallowedHeaders, header];
      }
      continue;
    }
    indent = lineIndent;
    emptyLines = 0;
    const name = headerName(stripped);
    if (name !== undefined) {
      checkTwin(sections.get(name), `section [${name}] occurs twice`, file, number);
      section = name === "DEFAULT" ? defaults : openSection(name, file, number);
      if (section !== defaults) sections.set(name, section);
      open = undefined;
    } else if (section === undefined) {
      const isHeader = stripped.startsWith("[");
      const problem = isHeader ? UNCLOSED_HEADER : "this line is before the first [section]";
      throw refusal(file, number, problem);
    } else {
      const { key, value } = splitOption(stripped, file, number);
      const { values } = section;
      if (values.has(key)) {
        const problem = `${keyForPeople(key)} occurs twice in [${section.name}]`;
        checkTwin(values.get(key), problem, file, number);
      }
      values.set(key, { file, line: number, text: value });
      open = { key, first: value };
    }
  }
  closeSections(sections, defaults, continued);
  return sections;
}

const UNCLOSED_HEADER = "this section header is not closed by ]";
const NO_HEADERS: AwsSection["swallowedHeaders"] = [];

function openSection(name: string, file: string, line: number): OpenSection {
  return { name, file, line, values: new Map(), swallowedHeaders: NO_HEADERS };
}

function checkTwin(
  twin: { readonly line: number } | undefined,
  problem: string,
  file: string,
  line: number,
): void {
  if (twin === undefined) return;
  throw refusal(file, line, problem, { detail: `The other one is in line ${twin.line}.` });
}

function closeSections(
  sections: ReadonlyMap<string, OpenSection>,
  defaults: OpenSection,
  continued: readonly ContinuedValue[],
): void {
  for (const value of continued) {
    // A bad block in [DEFAULT] is refused only when a section inherits it.
    const isUnused =
      value.values === defaults.values &&
      [...sections.values()].every(({ values }) => values.has(value.key));
    if (!isUnused) value.values.set(value.key, closeValue(value));
  }
  if (defaults.values.size === 0) return;
  for (const { values } of sections.values()) {
    for (const [key, value] of defaults.values) {
      if (!values.has(key)) values.set(key, value);
    }
  }
}

function closeValue({ values, key, first, rest }: ContinuedValue): AwsValue {
  const { file, line } = values.get(key) ?? { file: "", line: 0 };
  const text = strip([first, ...rest.map((each) => each.text)].join("\n"), false);
  if (!text.startsWith("\n")) return { file, line, text };
  const block = new Map<string, AwsValue>();
  for (const each of rest) {
    // configparser ends a line at \n alone, and str.splitlines() at all of these.
    // oxlint-disable-next-line no-control-regex
    for (const part of each.text.split(/[\v\f\x1C-\x1E\x85\u2028\u2029]/)) {
      const pair = strip(part);
      const equals = pair.indexOf("=");
      if (pair === "") continue;
      if (equals === -1) {
        throw refusal(file, each.line, "this line of an indented block has no =", {
          detail: `The block belongs to the empty value in line ${line}.`,
        });
      }
      const value = { file, line: each.line, text: strip(pair.slice(equals + 1)) };
      block.set(strip(pair.slice(0, equals)), value);
    }
  }
  return { file, line, text: undefined, block };
}

// Python: re.match(r"\[(?P<header>.+)\]"). What stands behind the last bracket is ignored.
function headerName(stripped: string): string | undefined {
  const end = stripped.startsWith("[") ? stripped.lastIndexOf("]") : -1;
  return end > 1 ? stripped.slice(1, end) : undefined;
}

// The first = or : separates; a # or ; behind a value belongs to the value.
function splitOption(stripped: string, file: string, line: number): { key: string; value: string } {
  const at = stripped.search(/[=:]/);
  if (at === -1) {
    const problem = stripped.startsWith("[")
      ? UNCLOSED_HEADER
      : "this line is not [SECTION] and has no =";
    throw refusal(file, line, problem);
  }
  const key = strip(stripped.slice(0, at)).toLowerCase();
  if (key === "") {
    throw refusal(file, line, `this line has nothing before its ${stripped.charAt(at)}`);
  }
  return { key, value: strip(stripped.slice(at + 1)) };
}

function splitLines(text: string): string[] {
  return text.includes("\r") ? text.split(/\r\n|\r|\n/) : text.split("\n");
}

/** Python's str.strip(), or rstrip(): it knows other blanks than trim(), which takes a byte order mark for one. */
function strip(text: string, atStart = true): string {
  let start = 0;
  let end = text.length;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  while (atStart && start < end && isBlank(text.charCodeAt(start))) start += 1;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isBlank(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || code >= 0x1c;
  return (
    code >= 0x85 && (code === 0x85 || (code !== 0xfeff && /\s/.test(String.fromCharCode(code))))
  );
}

// What is longer than any key may be a secret that was pasted there.
function keyForPeople(key: string): string {
  return key.length > 40 ? "a key" : key;
}

/** What a refusal has beside its sentence. */
interface RefusalParts {
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

function refusal(
  file: string,
  line: number | undefined,
  problem: string,
  { detail, hint, cause }: RefusalParts = {},
): RdsIamError {
  const isWholeFile = line === undefined;
  const aws = isWholeFile
    ? "AWS's tools refuse it, or find other names in it."
    : "The AWS CLI cannot parse this file either.";
  return new RdsIamError(`${file}${isWholeFile ? " " : `, line ${line}: `}${problem}`, {
    code: "ERR_CONFIG",
    detail: [detail, aws].filter(Boolean).join(" "),
    hint: hint ?? "Correct that line.",
    cause,
  });
}
