// What exec's options make of a tool's words: --database-url and --env add variables, --template fills in the arguments.
// Arguments can be read by every user of the machine (ps, /proc): no secret ever goes into one, not even the run's own.
import { databaseUrl, encodePart } from "../base/database-url.ts";
import { RdsIamError } from "../base/errors.ts";
import { nearestName } from "../base/nearest-name.ts";
import type { ToolCommand } from "../session/run-tool.ts";
import { leadsPastProxy } from "../tool/environment.ts";

/** How words are fitted. */
export interface Fitting {
  /** Of each target; empty for the one whose variables are PGHOST, PGPORT, ... */
  readonly prefixes: readonly string[];
  /** The variable for the URL, which a target with a prefix has as PREFIX_URL in any case. */
  readonly urlVariable: string | undefined;
  readonly template: boolean;
  /** What --env sets. */
  readonly variables: readonly VariableTemplate[];
}

/** A variable's name, and the template of its value. */
export type VariableTemplate = readonly [name: string, template: string];

/** Whether a text can be a variable's name in every shell. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const PARTS = ["host", "port", "user", "dbname", "url"] as const;
const SECRET_PARTS = [...PARTS, "password"] as const;
// The first group is what doubled braces make a text.
const PLACEHOLDER = /\{(\{[^{}]*\})\}|\{(?:([A-Za-z]\w*)\.)?([A-Za-z]\w*)\}/g;

/** The words with the variables in the environment, and the arguments filled in. */
export function fitWords({ args, env }: ToolCommand, fitting: Fitting): ToolCommand {
  const { prefixes, template, urlVariable, variables } = fitting;
  const open = new Map(prefixes.map((prefix) => [prefix, proxyValues(env, prefix, false)]));
  const secret = new Map(prefixes.map((prefix) => [prefix, proxyValues(env, prefix, true)]));
  const fitted: Record<string, string> = { ...env };
  for (const [prefix, { url = "" }] of secret) {
    if (prefix !== "") fitted[`${prefix}URL`] = url;
    if (urlVariable !== undefined) fitted[`${prefix}${urlVariable}`] = url;
  }
  for (const [name, text] of variables) {
    fitted[name] = fill(text, secret, (literal) => literal.slice(1, -1));
  }
  return { args: template ? args.map((word) => fill(word, open)) : args, env: fitted };
}

/** Throws ERR_USAGE when --template has nothing to fill in, or cannot fill in what is there. */
export function checkTemplate(args: readonly string[], prefixes: readonly string[]): void {
  const found = args.flatMap(placeholdersOf);
  const password = found.find((typed) => /[{.]password\}$/.test(typed));
  if (password !== undefined) throw noPassword(password);
  const known = knownPlaceholders(prefixes, PARTS);
  if (found.some((typed) => known.includes(typed))) return;
  const [first] = found;
  if (first !== undefined) throw unknownPlaceholder("--template", first, known);
  throw new RdsIamError("--template has nothing to fill in", {
    code: "ERR_USAGE",
    detail: "No argument of the tool has a placeholder in it.",
    hint: `The placeholders are: ${known.join(" ")}`,
  });
}

/** Reads what --env was given, NAME=TEMPLATE each; ERR_USAGE for what cannot be set or filled in. */
export function readVariables(
  given: readonly string[],
  prefixes: readonly string[],
): readonly VariableTemplate[] {
  const known = knownPlaceholders(prefixes, SECRET_PARTS);
  return given.map((text) => {
    const [, name = text, template] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
    if (template === undefined || !VARIABLE_NAME.test(name)) {
      const problem = template === undefined ? "has no value" : "is not a valid variable name";
      throw new RdsIamError(`--env ${name} ${problem}`, {
        code: "ERR_USAGE",
        hint: "Write --env NAME=TEMPLATE, as in --env 'FLYWAY_PASSWORD={password}'.",
      });
    }
    refuseOfProxy("--env", name, prefixes);
    const unknown = placeholdersOf(template).find((typed) => !known.includes(typed));
    if (unknown !== undefined) throw unknownPlaceholder(`--env ${name}`, unknown, known);
    return [name, template];
  });
}

/** Throws ERR_USAGE for a variable that says where the tool connects, which an option would set. */
export function refuseOfProxy(option: string, name: string, prefixes: readonly string[]): void {
  if (!["", ...prefixes].some((prefix) => isOfProxy(name, prefix))) return;
  throw new RdsIamError(`${option} cannot set ${name}`, {
    code: "ERR_USAGE",
    detail: "It determines where the tool connects, so rdsiam sets or removes it itself.",
    hint: "Choose the database with the target, --user and --dbname.",
  });
}

/** What the variables of a named target begin with: src is SRC_. */
export function prefixOf(name: string | undefined): string {
  return name === undefined ? "" : `${name.toUpperCase()}_`;
}

function isOfProxy(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && leadsPastProxy(name.slice(prefix.length));
}

// As they are listed: the name of a target has small letters.
function placeholdersOf(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].flatMap(([, literal, name, part = ""]) =>
    literal === undefined ? [placeholder(prefixOf(name), part)] : [],
  );
}

function knownPlaceholders(prefixes: readonly string[], parts: readonly string[]): string[] {
  return prefixes.flatMap((prefix) => parts.map((part) => placeholder(prefix, part)));
}

function placeholder(prefix: string, part: string): string {
  return prefix === "" ? `{${part}}` : `{${prefix.slice(0, -1).toLowerCase()}.${part}}`;
}

type ProxyValues = Readonly<Partial<Record<string, string>>>;

function proxyValues(env: ToolCommand["env"], prefix: string, isSecret: boolean): ProxyValues {
  const read = (name: string): string => env[`${prefix}${name}`] ?? "";
  const password = isSecret ? read("PGPASSWORD") : undefined;
  const parts = {
    host: read("PGHOST"),
    port: read("PGPORT"),
    user: read("PGUSER"),
    dbname: read("PGDATABASE"),
    password,
  };
  const url = databaseUrl({ ...parts, parameters: { sslmode: read("PGSSLMODE") } });
  return { ...parts, url };
}

const ENCODED: readonly string[] = ["user", "dbname", "password"];

// Behind `://` in a word is a URL, whose parts are percent-encoded; the host is an IPv4 address, and {url} is one already.
function fill(
  text: string,
  proxies: ReadonlyMap<string, ProxyValues>,
  readLiteral = (literal: string): string => literal,
): string {
  const replace = (whole: string, ...found: readonly (string | number | undefined)[]): string => {
    const [literal, name, part, offset] = found as [string?, string?, string?, number?];
    if (literal !== undefined) return readLiteral(whole);
    const value = proxies.get(prefixOf(name))?.[part ?? ""];
    if (value === undefined) return whole;
    const isInUrl = /:\/\/\S*$/.test(text.slice(0, offset));
    return isInUrl && ENCODED.includes(part ?? "") ? encodePart(value) : value;
  };
  return text.replaceAll(PLACEHOLDER, replace);
}

function unknownPlaceholder(where: string, typed: string, known: readonly string[]): RdsIamError {
  const nearest = nearestName(typed, known);
  const all = `The placeholders are: ${known.join(" ")}`;
  return new RdsIamError(`unknown placeholder ${typed} in ${where}`, {
    code: "ERR_USAGE",
    hint: nearest === undefined ? all : `Did you mean ${nearest}? ${all}`,
  });
}

function noPassword(typed: string): RdsIamError {
  return new RdsIamError(`--template does not fill in ${typed}`, {
    code: "ERR_USAGE",
    detail:
      "Every user of this machine can read a program's arguments; the secret is in PGPASSWORD.",
    hint: `Set the variable that the tool reads: --env 'NAME=${typed}'.`,
  });
}
