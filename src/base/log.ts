// Everything that rdsiam itself prints goes out here, on stderr, through one redactor. A text is not trusted to hold no
// secret because its author meant well: secrets are struck out at the sink, and for JSON before it is encoded, since a
// quote or a backslash in a secret looks different afterwards.
import { printable, printableJson } from "./printable.ts";
import { Redactor } from "./redact.ts";
import type { Color } from "./style.ts";

/** The forms of a log: lines for people, or one JSON object a line for machines. */
export type LogFormat = "text" | "json";

/** What a JSON line has beside its message. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/** What is wrong, in PostgreSQL's three parts; an RdsIamError is one. */
export interface Problem {
  readonly message: string;
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** What is underneath, for --verbose. */
  readonly cause?: unknown;
  /** Where a defect of rdsiam's own is, for --verbose. */
  readonly trace?: string | undefined;
}

/** Where rdsiam's own lines go; the fields are for the JSON form alone. */
export interface Log {
  /** A step, with --verbose. */
  readonly verbose: (text: string, fields?: Fields) => void;
  /** The one line for a person at a terminal, in the target's color; not with --quiet and not into a pipe. */
  readonly notice: (text: string, fields?: Fields, color?: Color) => void;
  /** Something that happened while rdsiam serves: in text with --verbose, in JSON always but with --quiet. */
  readonly event: (text: string, fields?: Fields) => void;
  /** A line that is always written, as it stands. */
  readonly always: (text: string, fields?: Fields) => void;
  /** `rdsiam: warning: ...` with its DETAIL and HINT. */
  readonly warning: (problem: Problem, fields?: Fields) => void;
  /** `rdsiam: error: ...` with its DETAIL and HINT. */
  readonly error: (problem: Problem, fields?: Fields) => void;
  /** Passes on what a program that we started writes on stderr: in text as it stands, in JSON a line at a time. */
  readonly passOn: (text: string) => void;
  /** A text that leaves in another way, without any secret: what a client is answered. */
  readonly strike: (text: string) => string;
  /** Names a secret of this run, to be struck out wherever it might turn up; until what it returns is called. */
  readonly addSecret: (secret: string) => () => void;
}

/** How a log is made. */
export interface LogOptions {
  readonly write: (text: string, color?: Color) => void;
  readonly verbose: boolean;
  readonly notices: boolean;
  /** "text" when absent. */
  readonly format?: LogFormat | undefined;
  readonly now?: () => Date;
}

type Level = "debug" | "info" | "warning" | "error";

interface LogEntry {
  readonly level: Level;
  readonly problem: Problem;
  readonly fields: Fields | undefined;
  readonly color?: Color | undefined;
}

/** Makes a log. */
export function createLog(options: LogOptions): Log {
  const redactor = new Redactor();
  const { verbose, format = "text" } = options;
  const now = options.now ?? ((): Date => new Date());
  const write = (lines: readonly string[], entry: LogEntry): void => {
    const clean =
      format === "json"
        ? jsonLine(entry, redactor, verbose, now())
        : lines.map((each) => printable(redactor.strike(each))).join("\n");
    options.write(`${clean}\n`, entry.color);
  };
  const line = (level: Level, text: string, fields?: Fields, color?: Color): void =>
    write([text], { level, problem: { message: text.replace(/^rdsiam: /, "") }, fields, color });
  const tell = (level: Level, problem: Problem, fields?: Fields): void =>
    write(problemLines(level, problem, verbose), { level, problem, fields });
  return {
    verbose: (text, fields) => {
      if (verbose) line("debug", `rdsiam: ${text}`, fields);
    },
    notice: (text, fields, color) => {
      if (options.notices) line("info", `rdsiam: ${text}`, fields, color);
    },
    event: (text, fields) => {
      if (verbose || (format === "json" && options.notices))
        line("info", `rdsiam: ${text}`, fields);
    },
    always: (text, fields) => line("info", text, fields),
    warning: (problem, fields) => tell("warning", problem, fields),
    error: (problem, fields) => tell("error", problem, fields),
    passOn: (text) => {
      if (format === "text") return options.write(redactor.strike(text));
      for (const each of text.split(/[\r\n]+/)) if (each !== "") line("info", each);
    },
    strike: (text) => redactor.strike(text),
    addSecret: (secret) => redactor.add(secret),
  };
}

function problemLines(level: Level, problem: Problem, verbose: boolean): readonly string[] {
  const { message, code, detail, hint, trace } = problem;
  const lines = [`rdsiam: ${level}: ${message}`];
  if (detail !== undefined) lines.push(`DETAIL:  ${detail}`);
  if (hint !== undefined) lines.push(`HINT:  ${hint}`);
  if (!verbose) return lines;
  const cause = causeText(problem);
  if (code !== undefined) lines.push(`CODE:  ${code}`);
  if (cause !== undefined) lines.push(`CAUSE:  ${cause}`);
  return [...lines, ...(trace?.split("\n") ?? [])];
}

function causeText({ cause }: Problem): string | undefined {
  if (cause === undefined) return undefined;
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause;
}

function jsonLine(entry: LogEntry, redactor: Redactor, verbose: boolean, now: Date): string {
  const { level, problem, fields = {} } = entry;
  const { message, code, detail, hint } = problem;
  const parts: Fields = { message, code, detail, hint };
  const underneath: Fields = verbose ? { cause: causeText(problem), trace: problem.trace } : {};
  const line: Record<string, string | number | boolean> = { time: now.toISOString(), level };
  for (const [name, value] of [parts, underneath, fields].flatMap((each) => Object.entries(each))) {
    if (value !== undefined)
      line[name] = typeof value === "string" ? redactor.strike(value) : value;
  }
  return printableJson(line);
}

/** A log that writes each warning once: the configuration is read for each target. */
export function loggingOnce(log: Log): Log {
  const written = new Set<string>();
  return {
    ...log,
    warning: (problem, fields) => {
      if (written.has(problem.message)) return;
      written.add(problem.message);
      log.warning(problem, fields);
    },
  };
}
