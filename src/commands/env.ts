// `rdsiam env`: the PG* variables for a direct connection, valid as long as PGPASSWORD, the auth token, is.
// Each value is quoted whole, so that no shell reads anything in it. Variables of the environment that would send the tool to
// another server, or make it refuse a token, are unset.
// https://www.postgresql.org/docs/current/libpq-envars.html
import { RdsIamError } from "../base/errors.ts";
import { quoteForPowerShell, quoteForShell } from "../system/shell-word.ts";
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
// A service and the session attributes select another server; the others refuse a cleartext password, or TLS itself.
const CONFLICTING = [
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

const FORMS = ["sh", "fish", "powershell", "cmd"] as const;

/** The syntax to print in. */
export type OutputForm = (typeof FORMS)[number] | "json";

/** A variable and its value; undefined for one to unset. */
export type Assignment = readonly [name: string, value: string | undefined];

/** Prints the assignments, and on stderr until when they are valid. */
export async function runEnv(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const { env } = context;
  const shell = shellOf(options, env);
  if (isOn(options, env, "unset")) {
    const unset = VARIABLES.map((name): Assignment => [name, undefined]);
    context.print(assignmentText(unset, shell));
    return 0;
  }
  const { directConnection, printEnd } = await import("../session/connection-info.ts");
  const connection = await directConnection(context, { targetName, options });
  context.print(assignmentText(assignments(connection, env), shell));
  if (!isOn(options, env, "quiet")) printEnd(context, connection);
  return 0;
}

function shellOf(options: Options, env: RunContext["env"]): OutputForm {
  if (isOn(options, env, "json")) return "json";
  const named = optionValue(options, env, "shell");
  return FORMS.find((form) => form === named) ?? "sh";
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
  const conflicting = CONFLICTING.map((name): Assignment => [name, undefined]);
  return [...set, ...conflicting].filter(
    ([name, value]) => value !== undefined || env[name] !== undefined,
  );
}

/** Assignments in a shell's syntax, a line each, or as one JSON object with null for what is to be unset. */
export function assignmentText(list: readonly Assignment[], shell: OutputForm): string {
  if (shell === "json") {
    const entries = list.map(([name, value]) => [name, value ?? null] as const);
    return JSON.stringify(Object.fromEntries(entries), undefined, 2);
  }
  return list.map(LINES[shell]).join("\n");
}

const LINES = { sh: shLine, fish: fishLine, powershell: powershellLine, cmd: cmdLine };

function shLine([name, value]: Assignment): string {
  return value === undefined ? `unset ${name}` : `export ${name}=${quoteForShell(value)}`;
}

// https://fishshell.com/docs/current/language.html#quotes
function fishLine([name, value]: Assignment): string {
  return value === undefined
    ? `set -e ${name}`
    : `set -gx ${name} '${value.replaceAll(/[\\']/g, String.raw`\$&`)}'`;
}

// https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_environment_variables
function powershellLine([name, value]: Assignment): string {
  return value === undefined
    ? `Remove-Item -ErrorAction SilentlyContinue Env:${name}`
    : `$env:${name} = ${quoteForPowerShell(value)}`;
}

// For `for /f "delims=" %i in ('rdsiam env --shell cmd TARGET') do @set "%i"`: cmd.exe reads no sign in what it puts in place of %i.
// https://learn.microsoft.com/windows-server/administration/windows-commands/set_1
function cmdLine([name, value = ""]: Assignment): string {
  if (!/[\r\n]/.test(value)) return `${name}=${value}`;
  throw new RdsIamError(`${name} cannot be set in cmd.exe`, {
    code: "ERR_USAGE",
    detail: "Its value has a line break.",
    hint: "Use --shell powershell.",
  });
}
