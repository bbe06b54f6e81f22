// `rdsiam env`: the PG* variables that lead straight to the database while PGPASSWORD, the auth token, is good.
// Each value is quoted whole, so that no shell reads anything in it. What is in the environment now and would lead the tool
// elsewhere, or make it refuse a token, is taken away.
// https://www.postgresql.org/docs/current/libpq-envars.html
import { isOn, type Invocation, type Options, optionValue } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import type { DirectConnection } from "../session/connection-info.ts";

const VARIABLES = [
  "PGHOST",
  "PGHOSTADDR",
  "PGPORT",
  "PGUSER",
  "PGDATABASE",
  "PGPASSWORD",
  "PGSSLMODE",
  "PGSSLROOTCERT",
] as const;
// A service or the lists of addresses lead elsewhere; the others refuse a cleartext password, or TLS itself.
const IN_THE_WAY = [
  "PGSERVICE",
  "PGTARGETSESSIONATTRS",
  "PGREQUIREAUTH",
  "PGCHANNELBINDING",
  "PGGSSENCMODE",
  "PGSSLNEGOTIATION",
  "PGSSLCERT",
  "PGSSLKEY",
  "PGSSLCERTMODE",
  "PGMINPROTOCOLVERSION",
  "PGSSLCRL",
  "PGSSLCRLDIR",
] as const;

/** The syntax to print in. */
export type Shell = "sh" | "fish" | "json";

/** A variable, or undefined for one that is to go. */
export type Assignment = readonly [name: string, value: string | undefined];

/** Prints the assignments, and on stderr until when they work. */
export async function runEnv(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const { env } = context;
  const shell = shellOf(options, env);
  if (isOn(options, env, "unset")) {
    const gone = VARIABLES.map((name): Assignment => [name, undefined]);
    context.print(assignmentText(gone, shell));
    return 0;
  }
  const { directConnection, printEnd } = await import("../session/connection-info.ts");
  const connection = await directConnection(context, { targetName, options });
  context.print(assignmentText(assignments(connection, env), shell));
  if (!isOn(options, env, "quiet")) printEnd(context, connection);
  return 0;
}

function shellOf(options: Options, env: RunContext["env"]): Shell {
  if (isOn(options, env, "json")) return "json";
  return optionValue(options, env, "shell") === "fish" ? "fish" : "sh";
}

function assignments(connection: DirectConnection, env: RunContext["env"]): Assignment[] {
  const values: Readonly<Record<(typeof VARIABLES)[number], string | undefined>> = {
    PGHOST: connection.host,
    PGHOSTADDR: connection.hostaddr,
    PGPORT: String(connection.port),
    PGUSER: connection.user,
    PGDATABASE: connection.dbname,
    PGPASSWORD: connection.password,
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: connection.sslrootcert,
  };
  const set = VARIABLES.map((name): Assignment => [name, values[name]]);
  const inTheWay = IN_THE_WAY.map((name): Assignment => [name, undefined]);
  return [...set, ...inTheWay].filter(
    ([name, value]) => value !== undefined || env[name] !== undefined,
  );
}

/** Assignments in a shell's syntax, a line each, or as one JSON object with null for what is to go. */
export function assignmentText(list: readonly Assignment[], shell: Shell): string {
  if (shell === "json") {
    const entries = list.map(([name, value]) => [name, value ?? null] as const);
    return JSON.stringify(Object.fromEntries(entries), undefined, 2);
  }
  return list.map((each) => (shell === "fish" ? fishLine(each) : shLine(each))).join("\n");
}

function shLine([name, value]: Assignment): string {
  return value === undefined
    ? `unset ${name}`
    : `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'`;
}

// https://fishshell.com/docs/current/language.html#quotes
function fishLine([name, value]: Assignment): string {
  return value === undefined
    ? `set -e ${name}`
    : `set -gx ${name} '${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}
