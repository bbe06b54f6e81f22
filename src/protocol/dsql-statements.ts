// Aurora DSQL refuses statements that set what it does not have. Those that change nothing there are replaced by one that it
// takes, in the same place: so a transaction's state, its errors and what is skipped after one stay the server's business.
// Texts are latin1, a byte a character. What is not certainly one of these statements stays as it is.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility.html
import { splitStatements, type SqlToken } from "./sql-statements.ts";

const TAKEN =
  /^(?:application_name|client_encoding|datestyle|disable_sync_create_index|extra_float_digits|intervalstyle|role|search_path|timezone|enable_\w+|dsql\..*)$/i;
/** A setting that DSQL takes and that no one sets: it has no ctids to scan for. */
const NEUTRAL = "enable_tidscan TO DEFAULT";
const FALSE = /^(?:f|fa|fal|fals|false|n|no|of|off|0|default)$/i;

const ID = String.raw`(?:"[^\s"]*|[a-z_\x80-\xff][\w$\x80-\xff]*)`;
const NAME = String.raw`${ID}(?: \. ${ID})*`;
const VALUE = String.raw`(?:'|(?:[+-] )?0|${ID})`;
const LEVEL = "isolation level (?:read committed|read uncommitted|repeatable read|serializable)";
const MODE = `(?:${LEVEL}|read only|read write|(?:not )?deferrable)`;
const MODES = `(${MODE}(?: (?:, )?${MODE})*)`;
const RELATION = String.raw`(?:only )?(?:${NAME}(?: \*)?|\( ${NAME} \))`;
const LOCK_MODE =
  "(?:access share|row share|row exclusive|share|share update exclusive|share row exclusive|exclusive|access exclusive)";
const ITEM = String.raw`(?:pg_catalog \. )?set_config \( (?:'|name) , (?:'|null|\$) , (?:true|false) \)(?: (?:as )?(?!from )${ID})?`;
const SETTINGS = String.raw`(?:pg_catalog \. )?(?:pg_settings|pg_show_all_settings \( \))`;

const SET = new RegExp(
  `^(set (?:(?:session|local) )?)(${NAME}) (?:to|=) ${VALUE}(?: , ${VALUE})*$`,
);
const SET_TRANSACTION = new RegExp(`^set (?:(?:session|local) )?transaction ${MODES}$`);
const SET_CHARACTERISTICS = new RegExp(`^set session characteristics as transaction ${MODES}$`);
const SET_XML_OPTION = /^set (?:(?:session|local) )?xml option (?:document|content)$/;
const RESET = new RegExp(`^reset (transaction isolation level|(?!all$)${NAME})$`);
const LOCK = new RegExp(
  `^lock (?:table )?(?!table\\b)${RELATION}(?: , ${RELATION})*(?: in ${LOCK_MODE} mode)?(?: nowait)?$`,
);
const BEGIN = new RegExp(`^((?:begin(?: work| transaction)?|start transaction) )${MODES}$`);
const SET_CONFIG = new RegExp(
  `^select ${ITEM}(?: , ${ITEM})*(?: from ${SETTINGS} where name = ')?$`,
);
const TYPES = String.raw`(?: \( ([^(),]+(?:, [^(),]+)*)\))?`;
const PREPARE = new RegExp(
  `^prepare (${ID})${TYPES} as (?:select|values|with|insert|update|delete) `,
);
const EXECUTE = new RegExp(`^execute (${ID})(?: \\( (${VALUE}(?: , ${VALUE})*) \\))?$`);
const DEALLOCATE = new RegExp(`^deallocate (?:prepare )?(${ID})$`);
const KEYWORD =
  /\b(?:set|reset|lock|set_config|isolation|deferrable|prepare|execute|deallocate)\b/i;
const WORDS = new Set("set reset lock begin start select prepare execute deallocate".split(" "));

/** The command tag of a statement that was sent as another; "" for one that was not sent at all. */
export type SentTag = "LOCK TABLE" | "PREPARE" | "DEALLOCATE" | "";

/** A text for DSQL in place of the one that was sent. */
export interface RewrittenSql {
  readonly sql: string;
  /** For each statement of the new text; undefined where the server's own tag is right. */
  readonly tags: readonly (SentTag | undefined)[];
  /** Positions after `at` are moved by `by`; in characters of the new text, from 1. */
  readonly shifts: readonly { readonly at: number; readonly by: number }[];
  /** What is not done: `SET statement_timeout`. */
  readonly ignored: readonly string[];
}

/** The statements of a session's PREPAREs, by name: each is the types of its parameters and its text, cut at these. */
export type PreparedSql = Map<
  string,
  { readonly types: readonly string[]; readonly text: readonly (string | number)[] }
>;

/** What becomes of a statement. */
interface Rewriting {
  readonly edits: readonly {
    readonly start: number;
    readonly end: number;
    readonly text: string;
  }[];
  readonly tags?: RewrittenSql["tags"];
  readonly ignored: readonly string[];
}

interface Statement {
  readonly sql: string;
  readonly tokens: readonly SqlToken[];
  /** Its tokens' shapes, with blanks between. */
  readonly shape: string;
  /** Undefined in a Parse, which takes one statement for one. */
  readonly prepared: PreparedSql | undefined;
}

/**
 * Whether a setting's value can be passed over: DSQL does not take it, and nothing depends on it. What is read only, serializable or
 * quoted otherwise is a promise, and gets DSQL's own refusal.
 */
export function isIgnored(setting: string, value: string): boolean {
  if (TAKEN.test(setting) || /^session_authorization$/i.test(setting)) return false;
  if (/^(?:default_)?transaction_read_only$/i.test(setting)) return FALSE.test(value);
  if (/^(?:default_)?transaction_isolation$/i.test(setting)) return !/^serializable$/i.test(value);
  if (/^standard_conforming_strings$/i.test(setting))
    return /^(?:on|true|yes|1|default)$/i.test(value);
  return true;
}

/**
 * Rewrites a Query, or a Parse where no prepared statements are given; undefined where nothing is to be done, or it is not certain
 * what the text means.
 */
export function rewriteForDsql(sql: string, prepared?: PreparedSql): RewrittenSql | undefined {
  // Most texts have none of them, and are not looked at closer.
  if (!KEYWORD.test(sql)) return undefined;
  const statements = splitStatements(sql, WORDS);
  if (statements === undefined || (prepared === undefined && statements.length !== 1))
    return undefined;
  let [rewritten, last, at] = ["", 0, 1];
  const tags: (SentTag | undefined)[] = [];
  const shifts: { at: number; by: number }[] = [];
  const ignored: string[] = [];
  for (const tokens of statements) {
    const shape = tokens.map((token) => token.shape).join(" ");
    const rewriting = rewriteStatement({ sql, tokens, shape, prepared });
    tags.push(...(rewriting?.tags ?? [undefined]));
    ignored.push(...(rewriting?.ignored ?? []));
    for (const { start, end, text } of rewriting?.edits ?? []) {
      at += characters(sql.slice(last, start));
      const by = characters(text) - characters(sql.slice(start, end));
      if (by !== 0) shifts.push({ at, by });
      rewritten += sql.slice(last, start) + text;
      at += characters(text);
      last = end;
    }
  }
  if (last === 0) return undefined;
  return { sql: rewritten + sql.slice(last), tags, shifts, ignored };
}

// DSQL's texts are UTF-8: each byte that does not continue a character begins one.
function characters(bytes: string): number {
  return bytes.replaceAll(/[\x80-\xbf]+/g, "").length;
}

function rewriteStatement(statement: Statement): Rewriting | undefined {
  const { shape } = statement;
  switch (statement.tokens[0]?.shape ?? "") {
    case "set":
      return rewriteSet(statement);
    case "reset": {
      const name = RESET.exec(shape)?.[1]?.replaceAll('"', "").replaceAll(" . ", ".");
      if (name === undefined || !isIgnored(name, "default")) return undefined;
      return replaced(statement, "RESET enable_tidscan", `RESET ${name}`);
    }
    case "lock":
      return LOCK.test(shape)
        ? { ...replaced(statement, `SET ${NEUTRAL}`, "LOCK TABLE"), tags: ["LOCK TABLE"] }
        : undefined;
    case "begin":
    case "start":
      return rewriteBegin(statement);
    case "select":
      return SET_CONFIG.test(shape) ? rewriteSetConfig(statement) : undefined;
    case "prepare":
    case "execute":
    case "deallocate":
      return statement.prepared && rewritePrepared(statement, statement.prepared);
  }
  return undefined;
}

// From the given token to the end.
function replaced({ tokens }: Statement, text: string, ignored?: string, from = 0): Rewriting {
  const start = tokens[from]?.start ?? 0;
  return {
    edits: [{ start, end: tokens.at(-1)?.end ?? start, text }],
    ignored: ignored === undefined ? [] : [ignored],
  };
}

function rewriteSet(statement: Statement): Rewriting | undefined {
  const { shape, sql, tokens } = statement;
  const [, before, quoted] = SET.exec(shape) ?? [];
  if (before !== undefined && quoted !== undefined) {
    const name = quoted.replaceAll(/[" ]/g, "");
    const from = before.split(" ").length - 1;
    const value = tokens[from + quoted.split(" ").length + 1];
    if (value === undefined || !isIgnored(name, textOf(sql, value))) return undefined;
    return replaced(statement, NEUTRAL, `SET ${name.toLowerCase()}`, from);
  }
  const modes = SET_TRANSACTION.exec(shape)?.[1];
  // Who makes a whole session read-only relies on it; a transaction's READ ONLY comes from pg_dump, which only reads.
  const lasting = SET_CHARACTERISTICS.exec(shape)?.[1];
  const isPromise = /serializable/.test(modes ?? "") || /serializable|only/.test(lasting ?? "");
  if (isPromise) return undefined;
  if (modes !== undefined) return replaced(statement, `SET ${NEUTRAL}`, "SET TRANSACTION");
  if (lasting !== undefined)
    return replaced(statement, `SET ${NEUTRAL}`, "SET SESSION CHARACTERISTICS");
  return SET_XML_OPTION.test(shape)
    ? replaced(statement, `SET ${NEUTRAL}`, "SET XML OPTION")
    : undefined;
}

// A level below repeatable read is what DSQL gives and more.
function rewriteBegin(statement: Statement): Rewriting | undefined {
  const [, before = "", modes = ""] = BEGIN.exec(statement.shape) ?? [];
  const all = modes.match(new RegExp(MODE, "g")) ?? [];
  const kept = all.filter((mode) => !/read (?:un)?committed|deferrable/.test(mode));
  if (kept.length === all.length || all.some((mode) => mode.endsWith("serializable")))
    return undefined;
  const name = `BEGIN ${all.filter((mode) => !kept.includes(mode)).join(", ")}`;
  return replaced(statement, kept.join(", "), name, before.split(" ").length - 1);
}

// A call becomes its value. No longer than it was, and filled up with blanks: positions stay.
function rewriteSetConfig(statement: Statement): Rewriting | undefined {
  const { sql, tokens } = statement;
  const calls = tokens.flatMap((token, index) => (token.shape === "set_config" ? [index] : []));
  const edits: { start: number; end: number; text: string }[] = [];
  const ignored: string[] = [];
  for (const call of calls) {
    const [first, name, value, local, end] = [
      tokens[call - 1]?.shape === "." ? tokens[call - 2] : tokens[call],
      tokens[call + 2]?.shape === "'" ? tokens[call + 2] : tokens.at(-1),
      tokens[call + 4],
      tokens[call + 6],
      tokens[call + 7],
    ];
    if (!first || !name || !value || !local || !end || name.shape !== "'") return undefined;
    const alias = tokens[call + 8]?.shape;
    const column = alias === undefined || alias === "," || alias === "from" ? " AS set_config" : "";
    const setting = textOf(sql, name);
    const given = value.shape === "null" ? "default" : textOf(sql, value);
    const text = `${sql.slice(value.start, value.end)}::text${column}`;
    const filled = text.padEnd(end.end - first.start);
    if (isIgnored(setting, given)) {
      edits.push({ start: first.start, end: end.end, text: filled });
      ignored.push(`set_config ${setting}`);
    } else if (
      TAKEN.test(setting) &&
      tokens.at(-1) !== name &&
      calls.length === 1 &&
      statement.prepared
    ) {
      // AWS's own proxy for pg_dump says that DSQL refuses the function even for what it takes.
      const list = settingList(setting, value.shape === "null" ? undefined : given);
      const start = tokens[0]?.start ?? 0;
      if (list === undefined) return undefined;
      const set = `SET ${local.shape === "true" ? "LOCAL " : ""}${setting} TO ${list}; `;
      edits.push({ start, end: start, text: set });
      edits.push({ start: first.start, end: end.end, text: filled });
      return { edits, tags: ["", undefined], ignored };
    }
  }
  return { edits, ignored };
}

// DSQL has prepared statements in the protocol alone, and pg_dump makes its own by PREPARE: each EXECUTE becomes the statement itself.
function rewritePrepared(statement: Statement, prepared: PreparedSql): Rewriting | undefined {
  const { shape, sql, tokens } = statement;
  const [, dropped] = DEALLOCATE.exec(shape) ?? [];
  if (dropped !== undefined && prepared.delete(dropped))
    return { ...replaced(statement, `SET ${NEUTRAL}`), tags: ["DEALLOCATE"] };
  const [, executed = "", given] = EXECUTE.exec(shape) ?? [];
  const found = prepared.get(executed);
  if (found !== undefined) {
    const values = given === undefined ? [] : partsOf(statement, 3, tokens.length - 1);
    if (values.length !== found.types.length) return undefined;
    const parts = found.text.map((part) =>
      typeof part === "string" ? part : `(${values[part - 1]}::${found.types[part - 1]})`,
    );
    return replaced(statement, parts.join(""));
  }
  const [, name = "", declared] = PREPARE.exec(shape) ?? [];
  if (name === "" || prepared.has(name)) return undefined;
  const as = tokens.findIndex((token) => token.shape === "as");
  const types = declared === undefined ? [] : partsOf(statement, 3, as - 1);
  const text: (string | number)[] = [];
  let last = tokens[as]?.end ?? 0;
  for (const { start, end } of tokens.slice(as).filter((token) => token.shape === "$")) {
    const parameter = Number(sql.slice(start + 1, end));
    // Without a type it has the one that its place asks for.
    if (types[parameter - 1] === undefined) return undefined;
    text.push(sql.slice(last, start), parameter);
    last = end;
  }
  prepared.set(name, { types, text: [...text, sql.slice(last, tokens.at(-1)?.end)] });
  return { ...replaced(statement, `SET ${NEUTRAL}`), tags: ["PREPARE"] };
}

// The texts between commas, of the tokens from the first to the one before `end`.
function partsOf({ sql, tokens }: Statement, first: number, end: number): readonly string[] {
  const commas = tokens.flatMap(({ shape }, at) =>
    shape === "," && at > first && at < end ? [at] : [],
  );
  const starts = [first, ...commas.map((at) => at + 1)];
  return starts.map((start, part) =>
    sql.slice(tokens[start]?.start, tokens[(commas[part] ?? end) - 1]?.end),
  );
}

// A value as SET takes it; undefined for a search_path that is not simply a list of names.
function settingList(setting: string, value: string | undefined): string | undefined {
  if (value === undefined) return "DEFAULT";
  if (!/^search_path$/i.test(setting)) return /['\\]/.test(value) ? undefined : `'${value}'`;
  const names = value.split(",").map((name) => name.trim());
  if (value.trim() !== "" && !names.every((name) => /^(?:[a-z_]\w*|"[\w$]+")$/i.test(name)))
    return undefined;
  return names
    .map((name) => (name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase()))
    .map((name) => `'${name}'`)
    .join(", ");
}

// What a token says, without quotes; a string with anything special in it is none of those that are asked for.
function textOf(sql: string, { start, end }: SqlToken): string {
  return sql.slice(start, end).replace(/^[eE]?['"](.*)['"]$/s, "$1");
}
