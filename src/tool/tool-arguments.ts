// Finds, in the option grammar of PostgreSQL's programs and pgcli, the words that would bypass the proxy, or make the program
// refuse it. A word on the command line and in a connection string wins over the PG* variables.
// https://www.postgresql.org/docs/current/reference-client.html, and the getopt_long strings in src/bin of releases 10 to 18
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
import { decodePart } from "../base/database-url.ts";
import { RdsIamError } from "../base/errors.ts";
import { programName } from "../system/program.ts";
import { shellWord } from "../system/shell-word.ts";

interface Grammar {
  /** The letters that take a value; each program has -h, -p and -U beside them. */
  readonly short: string;
  /** The long options that take a value, beside --host, --port and --username. */
  readonly long: string;
  /** Those of them whose value is the name of the database to connect to, or a connection string. */
  readonly database?: string;
  /** How many operands are such names. */
  readonly operands?: number;
  /** The options that name a server, beside -h and -p. */
  readonly server?: string;
}

const PSQL: Grammar = {
  short: "cdfFLoPRTv",
  long: "command dbname field-separator file log-file output pset record-separator set table-attr variable",
  database: "d dbname",
  operands: 1,
};
// pgbench's -d takes a value from release 17 on, and was a flag until then: what follows is a database's name in both.
const GRAMMARS: ReadonlyMap<string, Grammar> = new Map(
  Object.entries({
    clusterdb: {
      short: "dt",
      long: "dbname maintenance-db table",
      database: "d dbname maintenance-db",
      operands: 1,
    },
    createdb: {
      short: "DElOST",
      long: "builtin-locale encoding icu-locale icu-rules lc-collate lc-ctype locale locale-provider maintenance-db owner strategy tablespace template",
      database: "maintenance-db",
    },
    createuser: {
      short: "acgmv",
      long: "connection-limit member-of role valid-until with-admin with-member",
    },
    dropdb: { short: "", long: "maintenance-db", database: "maintenance-db" },
    dropuser: { short: "", long: "" },
    oid2name: {
      short: "dfHot",
      long: "dbname filenode oid table",
      database: "d dbname",
      server: "H",
    },
    pg_amcheck: {
      short: "dDiIjrRsStT",
      long: "database endblock exclude-database exclude-index exclude-relation exclude-schema exclude-table index jobs maintenance-db relation schema skip startblock table",
      database: "maintenance-db",
      operands: 1,
    },
    pg_basebackup: {
      short: "cdDFilrsStTXZ",
      long: "checkpoint compress dbname format incremental label manifest-checksums max-rate pgdata slot status-interval sync-method tablespace-mapping target wal-method waldir",
      database: "d dbname",
    },
    pg_dump: {
      short: "deEfFjnNStTZ",
      long: "compress dbname encoding exclude-extension exclude-schema exclude-table exclude-table-and-children exclude-table-data exclude-table-data-and-children extension extra-float-digits file filter format include-foreign-data jobs lock-wait-timeout restrict-key role rows-per-insert schema section snapshot superuser sync-method table table-and-children",
      database: "d dbname",
      operands: 1,
    },
    pg_dumpall: {
      short: "dEflS",
      long: "database dbname encoding exclude-database extra-float-digits file filter lock-wait-timeout restrict-key role rows-per-insert superuser",
      database: "d dbname l database",
    },
    pg_isready: { short: "dt", long: "dbname timeout", database: "d dbname" },
    pg_receivewal: {
      short: "dDEsSZ",
      long: "compress dbname directory endpos slot status-interval",
      database: "d dbname",
    },
    pg_recvlogical: {
      short: "dEfFIoPsS",
      long: "dbname endpos file fsync-interval option plugin slot startpos status-interval",
      database: "d dbname",
    },
    pg_restore: {
      short: "dfFIjLnNPStT",
      long: "dbname exclude-schema file filter format function index jobs restrict-key role schema section superuser table transaction-size trigger use-list",
      database: "d dbname",
    },
    pgbench: {
      short: "bcDfFIjLMPRstT",
      long: "aggregate-interval builtin client dbname define file fillfactor index-tablespace init-steps jobs latency-limit log-prefix max-tries partition-method partitions progress protocol random-seed rate sampling-rate scale show-script tablespace time transactions",
      database: "dbname",
      operands: 1,
    },
    pgcli: {
      short: "cdDfu",
      long: "application-name command dbname dsn file init-command log-file pgclirc prompt prompt-dsn row-limit ssh-tunnel timeout user warn",
      database: "d dbname",
      operands: 1,
      server: "D dsn",
    },
    psql: PSQL,
    reindexdb: {
      short: "dijSt",
      long: "dbname index jobs maintenance-db schema table tablespace",
      database: "d dbname maintenance-db",
      operands: 1,
    },
    vacuumdb: {
      short: "djnNPt",
      long: "buffer-usage-limit dbname exclude-schema jobs maintenance-db min-mxid-age min-xid-age parallel schema table",
      database: "d dbname maintenance-db",
      operands: 1,
    },
    vacuumlo: { short: "l", long: "limit", operands: Number.POSITIVE_INFINITY },
  } satisfies Readonly<Record<string, Grammar>>),
);

// Flags that begin as an option with a value does: pg_recvlogical's --startpos, pgbench's --log-prefix.
const FLAGS: ReadonlySet<string> = new Set(["start", "log"]);

// Long options that each program has, or has an abbreviation for, beside those that take a value.
const SHARED = "help host port quiet user verbose version";

const PLACE = /^(?:host|hostaddr|port|service)$/;
// The values that the proxy cannot satisfy; all others are satisfied, or concern what is not used.
const REFUSED: ReadonlyMap<string, RegExp> = new Map([
  ["sslmode", /^(?:require|verify-ca|verify-full)$/],
  ["ssl", /^true$/],
  ["requiressl", /^1/],
  ["sslrootcert", /^system$/],
  ["sslnegotiation", /^direct$/],
  ["sslcertmode", /^require$/],
  ["gssencmode", /^require$/],
  ["channel_binding", /^require$/],
  ["require_auth", /^(?!!|.*scram-sha-256).|!scram-sha-256/],
  ["min_protocol_version", /^(?!3\.0$)./],
  ["password", /./],
]);

interface Argument {
  readonly option: string;
  readonly value: string;
}

/** The names of PostgreSQL's own programs, and pgcli. */
export const POSTGRESQL_TOOLS: readonly string[] = [...GRAMMARS.keys()];

/** Whether a program is one of PostgreSQL's own, or pgcli: they print why a login failed. */
export function isPostgresqlTool(file: string): boolean {
  return GRAMMARS.has(programName(file));
}

/** A program, its arguments, and the command of rdsiam's that runs it. */
export interface ToolWords {
  readonly file: string;
  readonly args: readonly string[];
  readonly command: "psql" | "exec";
  /** As it was named. */
  readonly target?: string | undefined;
  /** The long options of that command, `--via ...`: a program that does not have them must not get them. */
  readonly own?: readonly string[] | undefined;
  /** Whether placeholders are filled in yet: the proxy's own host and port. */
  readonly template?: boolean | undefined;
}

/** Throws ERR_USAGE when a program's arguments name another server, or ask for what the proxy does not have. */
export function refuseOtherServer(words: ToolWords): void {
  const { file, args, command, own = [], template = false } = words;
  const tool = programName(file);
  const grammar = GRAMMARS.get(tool);
  if (grammar === undefined) return;
  const servers = new Set(`h host p port cluster ${grammar.server ?? ""}`.split(" "));
  const databases = new Set(grammar.database?.split(" "));
  const theirs = `${SHARED} ${grammar.long}`.split(" ");
  const isFilledIn = (text: string): boolean => template && /\{[^{}]+\}/.test(text);
  let operands = 0;
  for (const { option, value } of toolArguments(grammar, args)) {
    const dashed = option.length > 1 ? `--${option}` : `-${option}`;
    if (option !== "" && servers.has(option) && !isFilledIn(value))
      throw bypass(`${dashed} ${value}`, placeOf(option), { tool, command });
    const misplaced = own.find((usage) => usage.split(" ")[0] === dashed);
    if (misplaced !== undefined && !theirs.includes(option)) throw ownOption(words, misplaced);
    if (option === "W" || option === "password") throw asksPassword(dashed, tool);
    if (option === "") operands += 1;
    const isOperand = option === "" && operands <= (grammar.operands ?? 0);
    if (!isOperand && !databases.has(option)) continue;
    for (const [name, text] of connectionParameters(value)) {
      if (PLACE.test(name) && !isFilledIn(text)) {
        const what = isOperand ? "the database argument" : dashed;
        throw bypass(what, name, { tool, command });
      }
      if (REFUSED.get(name)?.test(text) === true) throw unfit(tool, name, text);
    }
  }
}

/**
 * Throws ERR_USAGE for a database's name that is a connection string to another server: vacuumdb, pgbench, pgcli and others read
 * PGDATABASE as one.
 */
export function refuseOtherDatabase(dbname: string): void {
  const place = connectionParameters(dbname).find(([name]) => PLACE.test(name))?.[0];
  if (place === undefined) return;
  throw new RdsIamError("the database name is a connection string", {
    code: "ERR_USAGE",
    detail: `It names a ${place}: a tool that reads it connects there, and not to the target.`,
    hint: "Give the name alone with -d DB or rds_dbname; the server is --host HOST[:PORT] or rds_host.",
  });
}

/** The user that psql's own arguments name with -U; undefined when they name none. */
export function psqlUser(args: readonly string[]): string | undefined {
  return [...toolArguments(PSQL, args)].findLast(
    ({ option }) => option === "U" || option === "username",
  )?.value;
}

// getopt_long permutes: options are found behind operands too, until "--".
function* toolArguments(grammar: Grammar, args: readonly string[]): Generator<Argument> {
  const long = `host port username ${grammar.long}`.split(" ");
  const short = `hpU${grammar.short}`;
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index] ?? "";
    const next = args[index + 1] ?? "";
    if (word === "--") {
      for (const operand of args.slice(index + 1)) yield { option: "", value: operand };
      return;
    }
    if (word.startsWith("--")) {
      const [, name = "", attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
      const isPassword = name.length > 2 && "password".startsWith(name);
      const option = isPassword ? "password" : longOption(name, long);
      // Debian's pg_wrapper(1) takes --cluster VERSION/CLUSTER away from each program, and puts its host in PGHOST.
      const takesNext = attached === undefined && [...long, "cluster"].includes(option);
      yield { option, value: attached ?? (takesNext ? next : "") };
      if (takesNext) index += 1;
      continue;
    }
    if (!word.startsWith("-") || word === "-") {
      yield { option: "", value: word };
      continue;
    }
    const at = [...word].findIndex((letter, position) => position > 0 && short.includes(letter));
    if ([...word].slice(1, at < 0 ? undefined : at).includes("W")) yield { option: "W", value: "" };
    if (at < 0) continue;
    const attached = word.slice(at + 1);
    yield { option: word.charAt(at), value: attached === "" ? next : attached };
    if (attached === "") index += 1;
  }
}

// getopt_long takes any unambiguous beginning of a long option: --hos is --host.
function longOption(name: string, known: readonly string[]): string {
  if (known.includes(name) || FLAGS.has(name) || name === "") return name;
  const fits = known.filter((option) => option.startsWith(name));
  return fits.length === 1 ? (fits[0] ?? name) : name;
}

function placeOf(option: string): string {
  if (option === "p" || option === "port") return "port";
  return /^(?:h|H|host|cluster)$/.test(option) ? "host" : "service";
}

// libpq reads a database name with "=" or a URI prefix as a connection string (recognized_connection_string, fe-connect.c); what
// is not valid is for the program to refuse.
function connectionParameters(database: string): readonly (readonly [string, string])[] {
  // Up to the first @ before a slash is the login, even with a ? in it.
  const uri = /^postgres(?:ql)?:\/\/(?:([^@/]*)@)?([^/?]*)[^?]*(?:\?(.*))?$/s.exec(database);
  if (uri === null) {
    const pairs = database.matchAll(/([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))/gs);
    return [...pairs].map(([, name = "", quoted, bare = ""]) => [
      name,
      (quoted ?? bare).replaceAll(/\\(.)/gs, "$1"),
    ]);
  }
  const [, login = "", host = "", query = ""] = uri;
  const [, password = ""] = /:(.*)$/s.exec(login) ?? [];
  const parts: [string, string][] = [];
  if (host !== "") parts.push(["host", host]);
  if (password !== "") parts.push(["password", password]);
  for (const pair of query.split("&")) {
    // conninfo_uri_decode: what cannot be decoded is for the program to refuse.
    const [name = "", ...values] = pair.split("=").map(decodePart);
    parts.push([name, values.join("=")]);
  }
  return parts;
}

function ownOption({ file, command, target = "TARGET" }: ToolWords, usage: string): RdsIamError {
  const [flag] = usage.split(" ");
  const tool = command === "psql" ? "" : ` ${file} ...`;
  return new RdsIamError(`${flag} is rdsiam's own`, {
    code: "ERR_USAGE",
    hint: `It comes before the target: rdsiam ${command} ${usage} ${shellWord(target)}${tool}`,
  });
}

function bypass(
  what: string,
  place: string,
  { tool, command }: { readonly tool: string; readonly command: ToolWords["command"] },
): RdsIamError {
  return new RdsIamError(`${what} would bypass rdsiam's proxy`, {
    code: "ERR_USAGE",
    detail: `It names a ${place}; ${tool} reaches the database through the proxy that rdsiam puts in PGHOST and PGPORT.`,
    hint:
      place === "service"
        ? "Define the database as a target; rdsiam list shows the existing ones."
        : `Name the database before the target: rdsiam ${command} --host HOST[:PORT] TARGET, or set rds_host and rds_port.`,
  });
}

function asksPassword(dashed: string, tool: string): RdsIamError {
  return new RdsIamError(`${dashed} asks for a password, which rdsiam's proxy would refuse`, {
    code: "ERR_USAGE",
    detail: `It overrides PGPASSWORD, where ${tool} finds the proxy's.`,
    hint: `Leave out ${dashed}.`,
  });
}

function unfit(tool: string, name: string, value: string): RdsIamError {
  const hint = "Leave it out of the connection string.";
  if (name === "password") {
    return new RdsIamError(
      "a password in the connection string would be refused by rdsiam's proxy",
      {
        code: "ERR_USAGE",
        detail: `It overrides PGPASSWORD, where ${tool} finds the proxy's.`,
        hint,
      },
    );
  }
  return new RdsIamError(`${name}=${value} would make ${tool} refuse rdsiam's proxy`, {
    code: "ERR_USAGE",
    detail:
      "The proxy on this machine takes SCRAM-SHA-256 without TLS, GSSAPI or channel binding; from there to the database it is always TLS, verified in full.",
    hint,
  });
}
