// What Aurora DSQL refuses and PostgreSQL does not, for the stand-in: settings outside its list, set_config(), SET TRANSACTION,
// isolation levels, LOCK, PREPARE, EXECUTE, SAVEPOINT and TRUNCATE.
// Written without rdsiam's own lexer, so that a fault of it shows. A refused statement is replaced by one that PostgreSQL
// refuses with the same SQLSTATE and text: what follows from an error, inside a transaction or not, is PostgreSQL's own.
// https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-postgresql-compatibility-unsupported-features.html
import { Buffer } from "node:buffer";
import { Transform } from "node:stream";
import { DSQL_DATABASE } from "../base/dsql.ts";
import { encodeMessage, type Message, readMessage } from "../protocol/message.ts";
import { loginNames, type StartupMessage, startupParameter } from "../protocol/startup-packet.ts";

// Measured on a real cluster by others: github.com/awslabs/aurora-dsql-connectors, pgdump-proxy in awslabs/aurora-dsql-tools,
// and the records of github.com/Dreamescaper/dsql-emulator.
const SETTINGS =
  /^(?:application_name|client_encoding|datestyle|extra_float_digits|intervalstyle|timezone|time|search_path|role|enable_\w+|disable_sync_create_index|dsql\.enable_batched_nestloop)$/i;
const SESSION = new Set(["user", "database", "options", "amzn-cluster-id"]);

// A statement up to its semicolon: quoted text, comments and dollar quotes are passed over.
const STATEMENT =
  /(?:[^;'"$/-]|[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?\*\/|[$/-])+/g;

/** How the stand-in for a cluster behaves. */
export interface DsqlOptions {
  /** Closes a connection that begins with SSLRequest. */
  readonly directOnly?: boolean | undefined;
  /** The only name that a token may be signed for; the one of SNI by default. */
  readonly tokenHost?: string | undefined;
  /** What `amzn-cluster-id` must be, as at an interface endpoint. */
  readonly clusterId?: string | undefined;
}

/** What DSQL says to a login before it asks for a token; undefined when it asks. */
export function refusedLogin(
  startup: StartupMessage,
  {
    clusterId,
    hosts,
    sni,
  }: DsqlOptions & { readonly hosts: readonly string[]; readonly sni: string },
): { readonly sqlState: string; readonly message: string } | undefined {
  const options = startupParameter(startup, "options")?.toString() ?? "";
  const [, named] = /(?:^| )amzn-cluster-id=(\S+)/.exec(options) ?? [];
  // Without private DNS most clients send the name of the interface endpoint, and the options alone tell the cluster.
  const isInterface = sni.includes(".vpce.") && hosts.some((host) => host.startsWith(`${named}.`));
  if (!hosts.includes(sni) && !isInterface)
    return { sqlState: "28000", message: "unable to accept connection, sni was not received" };
  if (clusterId !== undefined && clusterId !== named)
    return { sqlState: "28000", message: "unable to accept connection, invalid cluster id" };
  const setting = refusedParameter(startup);
  if (setting !== undefined)
    return {
      sqlState: "0A000",
      message: `setting configuration parameter "${setting}" not supported`,
    };
  const { database } = loginNames(startup);
  if (database !== DSQL_DATABASE)
    return { sqlState: "3D000", message: `database "${database}" does not exist` };
  return undefined;
}

// The setting that DSQL does not take, as its own refusal names it.
function refusedParameter({ parameters }: StartupMessage): string | undefined {
  const names = parameters.flatMap(({ name, value }) => {
    const inOptions = name.toString() === "options" ? value.toString() : "";
    const words = inOptions.matchAll(/(?:-c\s*|--)([\w.-]+)=/g);
    return [name.toString(), ...[...words].map(([, word = ""]) => word)];
  });
  return names.find((name) => !SESSION.has(name) && !SETTINGS.test(name));
}

/** A StartupMessage without `options`: PostgreSQL knows no amzn-cluster-id. */
export function withoutOptions({ minor, parameters }: StartupMessage): StartupMessage {
  return { minor, parameters: parameters.filter(({ name }) => name.toString() !== "options") };
}

/** Passes on what a frontend sends, with the statements that DSQL refuses made into ones that PostgreSQL refuses. */
export function refuseStatements(): Transform {
  let pending = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk]);
      for (;;) {
        const message = readMessage(pending, () => Infinity);
        if (message === undefined) return done();
        this.push(withRefusals(message.value));
        pending = pending.subarray(message.length);
      }
    },
  });
}

function withRefusals({ type, body, bytes }: Message): Buffer {
  if (type !== "Q" && type !== "P") return bytes;
  // Parse begins with the statement's name.
  const start = type === "P" ? body.indexOf(0) + 1 : 0;
  const end = body.indexOf(0, start);
  const sql = body.toString("latin1", start, end);
  const refused = sql.replace(STATEMENT, (statement) => {
    const [, role, arn] =
      /^\s*AWS IAM GRANT ("(?:[^"]|"")+"|\w+) TO ('[^']+')\s*$/i.exec(statement) ?? [];
    if (role !== undefined) {
      const name = role
        .replace(/^"(.*)"$/s, "$1")
        .replaceAll('""', '"')
        .replaceAll("'", "''");
      return `DO $dsql$ BEGIN PERFORM sys.aws_iam_grant('${name}', ${arn}); END $dsql$`;
    }
    const problem = problemOf(statement);
    return problem === undefined ? statement : raise(problem);
  });
  const head = body.subarray(0, start);
  return encodeMessage(type, head, Buffer.from(refused, "latin1"), body.subarray(end));
}

function problemOf(statement: string): string | undefined {
  const sql = statement.replace(/^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)+/, "");
  const [, kind] = /^(lock|prepare|execute|savepoint|truncate)\b/i.exec(sql) ?? [];
  if (kind !== undefined) return `unsupported statement: ${kind}`;
  const [, level] =
    /^(?:set|begin|start)\b[\s\S]*\bisolation\s+level\s+(serializable|read\s+\w+)/i.exec(sql) ?? [];
  if (level !== undefined) return `Unsupported isolation level: ${level.toUpperCase()}`;
  if (/^set\s+(?:(?:session|local)\s+)?(?:characteristics|transaction)\b/i.test(sql)) {
    return 'setting configuration parameter "TRANSACTION" not supported';
  }
  if (/^select\s+(?:pg_catalog\.)?set_config\s*\(/i.test(sql)) return "set_config not supported";
  const [, setting] = /^(?:set\s+(?:(?:session|local)\s+)?|reset\s+)"?([\w.]+)"?/i.exec(sql) ?? [];
  if (setting === undefined || SETTINGS.test(setting)) return undefined;
  return `setting configuration parameter "${setting}" not supported`;
}

function raise(message: string): string {
  return `DO $dsql$ BEGIN RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = '${message}'; END $dsql$`;
}
