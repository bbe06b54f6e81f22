// Finds, in psql's own option grammar, the arguments that would bypass the proxy.
// https://www.postgresql.org/docs/current/app-psql.html, getopt string in src/bin/psql/startup.c
import { RdsIamError } from "../base/errors.ts";

const SHORT_WITH_VALUE = new Set("cdfFhLopPRTUv");
const LONG_WITH_VALUE = new Set([
  "command",
  "dbname",
  "field-separator",
  "file",
  "host",
  "log-file",
  "output",
  "port",
  "pset",
  "record-separator",
  "set",
  "table-attr",
  "username",
  "variable",
]);
const LONG_WITHOUT_VALUE = [
  "csv",
  "echo-all",
  "echo-errors",
  "echo-hidden",
  "echo-queries",
  "expanded",
  "field-separator-zero",
  "help",
  "html",
  "list",
  "no-align",
  "no-password",
  "no-psqlrc",
  "no-readline",
  "password",
  "quiet",
  "record-separator-zero",
  "single-line",
  "single-step",
  "single-transaction",
  "tuples-only",
  "version",
];
const PLACES = /(?:^|\s)(host|hostaddr|port|service)\s*=/;

interface Argument {
  readonly option: string;
  readonly value: string;
}

/** Throws ERR_USAGE when the arguments name a host, hostaddr, port or service. */
export function refuseOtherServer(args: readonly string[]): void {
  let operands = 0;
  for (const { option, value } of psqlArguments(args)) {
    if (option === "h" || option === "host") throw refusal(`-h ${value}`, "host");
    if (option === "p" || option === "port") throw refusal(`-p ${value}`, "port");
    if (option === "") operands += 1;
    const isDatabase = option === "d" || option === "dbname" || (option === "" && operands === 1);
    const place = isDatabase ? namedPlace(value) : undefined;
    if (place !== undefined) throw refusal(option === "" ? "the database argument" : "-d", place);
  }
}

/** The user that psql's own arguments name with -U; undefined when they name none. */
export function psqlUser(args: readonly string[]): string | undefined {
  return [...psqlArguments(args)].findLast(({ option }) => option === "U" || option === "username")
    ?.value;
}

// getopt_long permutes: options are found behind operands too, until "--".
function* psqlArguments(args: readonly string[]): Generator<Argument> {
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? "";
    const next = args[index + 1] ?? "";
    if (word === "--") {
      for (const operand of args.slice(index + 1)) yield { option: "", value: operand };
      return;
    }
    if (word.startsWith("--")) {
      const [name, attached] = splitOnce(word.slice(2));
      const option = longOption(name);
      const takesNext = attached === undefined && LONG_WITH_VALUE.has(option);
      yield { option, value: attached ?? (takesNext ? next : "") };
      if (takesNext) index += 1;
      continue;
    }
    if (!word.startsWith("-") || word === "-") {
      yield { option: "", value: word };
      continue;
    }
    const at = [...word].findIndex(
      (letter, position) => position > 0 && SHORT_WITH_VALUE.has(letter),
    );
    if (at < 0) continue;
    const attached = word.slice(at + 1);
    yield { option: word.charAt(at), value: attached === "" ? next : attached };
    if (attached === "") index += 1;
  }
}

function splitOnce(word: string): [string, string | undefined] {
  const equals = word.indexOf("=");
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

// getopt_long takes any unambiguous beginning of a long option: --hos is --host.
function longOption(name: string): string {
  if (LONG_WITH_VALUE.has(name) || LONG_WITHOUT_VALUE.includes(name)) return name;
  const fits = [...LONG_WITH_VALUE, ...LONG_WITHOUT_VALUE].filter(
    (option) => name !== "" && option.startsWith(name),
  );
  return fits.length === 1 ? (fits[0] ?? name) : name;
}

// libpq reads a database name with "=" or a URI prefix as a connection string (recognized_connection_string, fe-connect.c).
function namedPlace(database: string): string | undefined {
  const uri = /^postgres(?:ql)?:\/\/([^/?]*)[^?]*(?:\?(.*))?$/s.exec(database);
  if (uri === null) return PLACES.exec(database)?.[1];
  const [, authority = "", query = ""] = uri;
  if (authority.slice(authority.lastIndexOf("@") + 1) !== "") return "host";
  const names = query.split("&").map((pair) => decoded(pair.split("=")[0] ?? ""));
  return names.find((name) => /^(?:host|hostaddr|port|service)$/.test(name));
}

// conninfo_uri_decode: names may be written with %, what cannot be decoded is for psql to refuse.
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refusal(what: string, place: string): RdsIamError {
  return new RdsIamError(`${what} would bypass rdsiam's proxy`, {
    code: "ERR_USAGE",
    detail: `It names a ${place}; psql reaches the database through the proxy that rdsiam puts in PGHOST and PGPORT.`,
    hint:
      place === "service"
        ? "Describe the database as a target; rdsiam list shows those there are."
        : "Name the database before the target: rdsiam psql --host HOST[:PORT] TARGET, or set rds_host and rds_port.",
  });
}
