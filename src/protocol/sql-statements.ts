// Splits the text of a Query or Parse into statements and tokens, as PostgreSQL's scanner does with standard_conforming_strings.
// A character of the text is a byte (latin1), so that offsets are those of the message and all other bytes stay as they are.
// https://www.postgresql.org/docs/current/sql-syntax-lexical.html

/** A token, from `start` to `end` in the text. */
export interface SqlToken {
  readonly start: number;
  readonly end: number;
  /**
   * What it is, for a pattern to match: a word in small letters, `"name` for a quoted identifier, `'` for a string, `0` for a
   * number, `$` for a parameter, else the character itself.
   */
  readonly shape: string;
}

const SPACE = /[ \t\n\r\f]+|--[^\n\r]*/y;
const QUOTE = /(?:[eEbBxXnN]|[uU]&)?'|(?:[uU]&)?"/y;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const PARAMETER = /\$\d+/y;
const DOLLAR = /\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/y;
const COMMENT_EDGE = /\/\*|\*\//g;
const ESCAPABLE = /['\\]/g;

/**
 * The statements of a text, without empty ones. Of those that begin otherwise than with one of the words, only the first token
 * is kept. Undefined when a string, an identifier or a comment does not end.
 */
export function splitStatements(
  sql: string,
  words: ReadonlySet<string>,
): readonly (readonly SqlToken[])[] | undefined {
  const statements: SqlToken[][] = [];
  let tokens: SqlToken[] = [];
  for (let at = 0; at < sql.length;) {
    const start = spaceEnd(sql, at);
    if (start === undefined) return undefined;
    at = start;
    if (at === sql.length) break;
    const token = readToken(sql, at);
    if (token === undefined) return undefined;
    at = token.end;
    if (token.shape === ";") tokens = [];
    else if (tokens.length === 0) statements.push((tokens = [token]));
    else if (words.has(tokens[0]?.shape ?? "")) tokens.push(token);
  }
  return statements;
}

function spaceEnd(sql: string, from: number): number | undefined {
  for (let at = from; ;) {
    const isComment = sql.startsWith("/*", at);
    const end = isComment ? commentEnd(sql, at) : matchEnd(SPACE, sql, at);
    if (end === undefined) return isComment ? undefined : at;
    at = end;
  }
}

// Comments nest.
function commentEnd(sql: string, from: number): number | undefined {
  let depth = 0;
  COMMENT_EDGE.lastIndex = from;
  for (let edge; (edge = COMMENT_EDGE.exec(sql)) !== null;) {
    depth += edge[0] === "/*" ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  return undefined;
}

function readToken(sql: string, start: number): SqlToken | undefined {
  const opened = matchEnd(QUOTE, sql, start);
  if (opened !== undefined) return readQuoted(sql, start, opened);
  const tagged = matchEnd(DOLLAR, sql, start);
  if (tagged !== undefined) {
    const tag = sql.slice(start, tagged);
    const end = sql.indexOf(tag, tagged);
    return end < 0 ? undefined : { start, end: end + tag.length, shape: "'" };
  }
  const word = matchEnd(WORD, sql, start);
  if (word !== undefined) return { start, end: word, shape: sql.slice(start, word).toLowerCase() };
  const number = matchEnd(NUMBER, sql, start);
  if (number !== undefined) return { start, end: number, shape: "0" };
  const parameter = matchEnd(PARAMETER, sql, start);
  if (parameter !== undefined) return { start, end: parameter, shape: "$" };
  return { start, end: start + 1, shape: sql.charAt(start) };
}

function readQuoted(sql: string, start: number, opened: number): SqlToken | undefined {
  const quote = sql.charAt(opened - 1);
  const escapes = quote === "'" && sql.charAt(start).toLowerCase() === "e";
  for (let at = opened; ; at += 2) {
    if (escapes) {
      ESCAPABLE.lastIndex = at;
      at = ESCAPABLE.exec(sql)?.index ?? -1;
    } else at = sql.indexOf(quote, at);
    if (at < 0) return undefined;
    if (sql.charAt(at) === "\\" || sql.charAt(at + 1) === quote) continue;
    const name = sql.slice(opened, at);
    const isName = quote === '"' && opened === start + 1 && /^[\w.]+$/.test(name);
    return { start, end: at + 1, shape: isName ? `"${name}` : quote };
  }
}

function matchEnd(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
