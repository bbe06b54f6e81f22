// What exec's options make of a tool's words: --database-url adds a variable, --template fills in the arguments.
// Arguments can be read by every user of the machine (ps, /proc): no secret ever goes into one, not even the run's own.
import { databaseUrl } from "../base/database-url.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { ToolCommand } from "../session/run-tool.ts";

/** How words are fitted. */
export interface Fitting {
  /** Of each target; empty for the one whose variables are PGHOST, PGPORT, ... */
  readonly prefixes: readonly string[];
  /** The variable for the URL, which a target with a prefix has as PREFIX_URL in any case. */
  readonly urlVariable: string | undefined;
  readonly template: boolean;
}

type Part = "host" | "port" | "user" | "dbname" | "url";

const PARTS: readonly Part[] = ["host", "port", "user", "dbname", "url"];
const PLACEHOLDER = /\{(?:([A-Za-z]\w*)\.)?(host|port|user|dbname|url)\}/g;
const LOOKS_LIKE_PLACEHOLDER = /\{(?:([A-Za-z]\w*)\.)?([a-z]+)\}/g;

/** The words with the URLs in the environment, and the arguments filled in. */
export function fitWords({ args, env }: ToolCommand, fitting: Fitting): ToolCommand {
  const proxies = new Map(fitting.prefixes.map((prefix) => [prefix, proxyValues(env, prefix)]));
  const fitted: Record<string, string> = { ...env };
  for (const [prefix, { secretUrl }] of proxies) {
    if (prefix !== "") fitted[`${prefix}URL`] = secretUrl;
    if (fitting.urlVariable !== undefined) fitted[`${prefix}${fitting.urlVariable}`] = secretUrl;
  }
  if (!fitting.template) return { args, env: fitted };
  const fill = (word: string): string =>
    word.replaceAll(PLACEHOLDER, (whole, name: string | undefined, part: Part) => {
      const values = proxies.get(prefixOf(name));
      return values?.parts[part] ?? whole;
    });
  return { args: args.map(fill), env: fitted };
}

/** Throws ERR_USAGE when --template has nothing to fill in, or cannot fill in what is there. */
export function checkTemplate(args: readonly string[], prefixes: readonly string[]): void {
  const found = args.flatMap((word) => [...word.matchAll(LOOKS_LIKE_PLACEHOLDER)]);
  const password = found.find(([, , part]) => part === "password");
  if (password !== undefined) throw noPassword(password[0]);
  const isKnown = ([, name, part]: RegExpExecArray): boolean =>
    prefixes.includes(prefixOf(name)) && PARTS.some((known) => known === part);
  if (found.some(isKnown)) return;
  const typed = found[0]?.[0];
  const known = prefixes.flatMap((prefix) => PARTS.map((part) => placeholder(prefix, part)));
  const nearest = typed === undefined ? undefined : nearestName(typed, known);
  const all = `There are: ${known.join(" ")}`;
  throw new RdsIamError(
    typed === undefined ? "--template has nothing to fill in" : `--template does not know ${typed}`,
    {
      code: "ERR_USAGE",
      detail: typed === undefined ? "No argument of the tool has a placeholder in it." : undefined,
      hint: nearest === undefined ? all : `Did you mean ${nearest}? ${all}`,
    },
  );
}

/** What the variables of a named target begin with: src is SRC_. */
export function prefixOf(name: string | undefined): string {
  return name === undefined ? "" : `${name.toUpperCase()}_`;
}

function placeholder(prefix: string, part: Part): string {
  return prefix === "" ? `{${part}}` : `{${prefix.slice(0, -1).toLowerCase()}.${part}}`;
}

interface ProxyValues {
  readonly parts: Readonly<Record<Part, string>>;
  readonly secretUrl: string;
}

function proxyValues(env: ToolCommand["env"], prefix: string): ProxyValues {
  const read = (name: string): string => env[`${prefix}${name}`] ?? "";
  const host = read("PGHOST");
  const port = read("PGPORT");
  const user = read("PGUSER");
  const dbname = read("PGDATABASE");
  const place = { host, port, user, dbname, parameters: { sslmode: read("PGSSLMODE") } };
  return {
    parts: { host, port, user, dbname, url: databaseUrl(place) },
    secretUrl: databaseUrl({ ...place, password: read("PGPASSWORD") }),
  };
}

function noPassword(typed: string): RdsIamError {
  return new RdsIamError(`--template does not fill in ${typed}`, {
    code: "ERR_USAGE",
    detail:
      "Every user of this machine can read a program's arguments; the secret is in PGPASSWORD.",
    hint: "Leave it out where the tool reads PGPASSWORD, or use --database-url[=NAME], a variable with the whole URL.",
  });
}
