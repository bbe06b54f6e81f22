// Slips at the keyboard: looks once more at a command line that was refused, for what was probably meant: a target, an endpoint,
// a URL, a program or an option in the wrong place. A URL is never shown as it was typed: it may have a password.
import type { Environment } from "../base/context.ts";
import { type ErrorCode, RdsIamError } from "../base/errors.ts";
import { readAuthority, showHostPort } from "../base/host-port.ts";
import { nearestName } from "../base/nearest-name.ts";
import { shellWord } from "../system/shell-word.ts";
import { SETTINGS } from "../config/keys.ts";
import { optionFlag } from "../config/names.ts";
import type { Setting } from "../config/setting.ts";
import { type LoadedTargets, loadTargets } from "../config/targets.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import { isPostgresqlTool } from "../tool/tool-arguments.ts";
import { UnexpectedWord } from "./arguments.ts";
import type { OptionSpec } from "./option-table.ts";
import { type CommandSpec, type Invocation, longOptions, OPTIONS } from "./options.ts";

/** A command line that was refused, and what it was refused in. */
export interface RefusedLine {
  /** Undefined where it could not be read. */
  readonly invocation: Invocation | undefined;
  readonly commands: readonly CommandSpec[];
  readonly env: Environment;
  readonly home: string;
}

interface KnownLine extends RefusedLine {
  readonly loaded: LoadedTargets;
}

/** The error that says what was meant, where that can be seen; otherwise the one that was thrown. */
export function explainSlip(error: RdsIamError, line: RefusedLine): RdsIamError {
  const known = withTargets(line);
  if (known === undefined) return error;
  const { invocation } = line;
  if (error instanceof UnexpectedWord) return unexpectedWord(error, known) ?? error;
  return (invocation && refusedLine(error, invocation, known)) ?? error;
}

// Without a configuration that can be read nothing is known, and its own error comes with the next command.
function withTargets(line: RefusedLine): KnownLine | undefined {
  try {
    return { ...line, loaded: loadTargets(line) };
  } catch (error) {
    if (error instanceof RdsIamError) return undefined;
    throw error;
  }
}

function unexpectedWord(error: UnexpectedWord, known: KnownLine): RdsIamError | undefined {
  if (error.kind === "command") return notACommand(error, known);
  if (error.kind === "operand") return notAnOperand(error, known);
  return error.command === undefined
    ? optionBeforeCommand(error, known)
    : optionBeforeTarget(error, error.command, known);
}

// What people type who come from other programs; a later word may be a target.
const OTHER_COMMANDS: Readonly<Record<string, string>> = {
  connect: "psql TARGET",
  open: "psql TARGET",
  sso: "login",
  ls: "list",
  targets: "list",
  status: "doctor TARGET",
  check: "doctor TARGET",
  configure: "init",
  config: "init",
  add: "init",
  new: "init",
  version: "--version",
};

function notACommand({ word, rest }: UnexpectedWord, known: KnownLine): RdsIamError | undefined {
  const { commands } = known;
  const [next = "", ...others] = rest;
  const isSwapped = commands.some(({ name }) => name === next);
  if (isTarget(word, known) || isSwapped) {
    const hint = isSwapped
      ? `The command comes first: ${line("rdsiam", next, word, ...others)}`
      : `Try: ${line("rdsiam psql", word, ...rest)}`;
    const message = isTarget(word, known)
      ? `"${word}" is a target, not a command`
      : `unknown command "${shown(word)}"`;
    return slip(message, hint);
  }
  if (isPostgresqlTool(word)) {
    const target = rest.find((each) => isTarget(each, known));
    const args = rest.filter((each) => each !== target);
    const hint = `Run it on a target: ${line("rdsiam exec", target ?? "TARGET", word, ...args)}`;
    return slip(`"${word}" is a tool, not a command`, hint);
  }
  const meant = Object.hasOwn(OTHER_COMMANDS, word) ? OTHER_COMMANDS[word] : undefined;
  if (meant !== undefined)
    return slip(`unknown command "${word}"`, otherCommand(meant, next, known));
  return databaseAs("a command", word, known);
}

function otherCommand(meant: string, target: string, known: KnownLine): string {
  const named = isTarget(target, known) ? target : undefined;
  return `Run: rdsiam ${meant.replace("TARGET", shellWord(named ?? "TARGET"))}`;
}

function notAnOperand(
  { word, command }: UnexpectedWord,
  known: KnownLine,
): RdsIamError | undefined {
  if (command === undefined || command.takesTarget || !isTarget(word, known)) return undefined;
  const profile = known.loaded.targets.get(word)?.profile;
  const other =
    command.name === "discover" && profile !== undefined
      ? line("For the account of a profile: rdsiam discover --profile", profile)
      : line("For one: rdsiam show", word);
  return slip(`rdsiam ${command.name} takes no target`, other);
}

function optionBeforeCommand(
  { word, rest }: UnexpectedWord,
  { commands }: KnownLine,
): RdsIamError | undefined {
  const [flag = ""] = word.split("=");
  const option = OPTIONS.find(
    ({ name, short }) => optionFlag(name) === flag || `-${short}` === flag,
  );
  if (option === undefined) return undefined;
  const at = rest.findIndex((each) => commands.some(({ name }) => name === each));
  const command = rest[at] ?? option.commands?.[0] ?? "psql";
  const value = isSecret(option) && option.value !== undefined ? "..." : undefined;
  const given = value ?? line("", ...rest.slice(0, Math.max(at, 0))).trim();
  const after = rest.slice(at < 0 ? rest.length : at + 1);
  const words = [`rdsiam ${command}`, value === undefined ? shellWord(word) : flag, given];
  const example = [...words, ...after.map(shellWord)].filter(Boolean).join(" ");
  return slip(`option ${flag} comes after the command`, `Write: ${example}`);
}

// What connects psql elsewhere is refused after the target too.
const NOT_OURS: readonly (readonly [RegExp, string])[] = [
  [/^(?:-p\d*|--port)$/, "The database's port belongs to the host: --host HOST:PORT or rds_port."],
  [/^(?:-W|--password)$/, "Leave it out: rdsiam logs in without a password."],
];

function optionBeforeTarget(
  error: UnexpectedWord,
  command: CommandSpec,
  known: KnownLine,
): RdsIamError | undefined {
  const { word, rest } = error;
  const [flag = "", attached] = word.split("=");
  const program = `rdsiam ${command.name}`;
  if (flag === "--target" && command.takesTarget) {
    const target = attached ?? rest[0] ?? "TARGET";
    return slip(
      "the target needs no option",
      `Write: ${line(program, target, ...rest.slice(attached === undefined ? 1 : 0))}`,
    );
  }
  const remedy = NOT_OURS.find(([pattern]) => pattern.test(flag))?.[1];
  if (remedy !== undefined) return slip(error.message, remedy);
  const isNear = error.hint?.startsWith("Did you mean") === true;
  if (command.tail !== "after target" || isNear) return undefined;
  const target = rest.find((each) => isTarget(each, known));
  const after = `Options of the tool come after the target: ${line(program, target ?? "TARGET", flag)} ...`;
  if (target !== undefined) return slip(error.message, after);
  const [variable, value] = environmentTarget(known.env);
  if (value === undefined) return slip(error.message, after);
  if (isTarget(value, known)) {
    return slip(error.message, `With ${variable} set: ${line(program, "--", flag)} ...`);
  }
  const near = nearestName(value, known.loaded.targets.keys());
  const guess = near === undefined ? "" : `, but "${near}" is`;
  return slip(error.message, after, `${variable} is "${value}", which is not a target${guess}.`);
}

function environmentTarget(env: Environment): readonly [string, string | undefined] {
  const names = ["RDSIAM_TARGET", "AWS_DEFAULT_PROFILE", "AWS_PROFILE"];
  const variable = names.find((name) => env[name]) ?? "";
  return [variable, env[variable]];
}

// What an error may come of where a host or a target is something else.
const OF_HOSTS: ReadonlySet<ErrorCode> = new Set([
  "ERR_TARGET",
  "ERR_USAGE",
  "ERR_CONFIG",
  "ERR_DNS",
  "ERR_ENDPOINT",
  "ERR_REGION",
]);

function refusedLine(
  error: RdsIamError,
  invocation: Invocation,
  known: KnownLine,
): RdsIamError | undefined {
  const { command, options, tail, target, targets, values } = invocation;
  const program = `rdsiam ${command?.name ?? "psql"}`;
  if (command?.name === "exec" && values.target === undefined) {
    const meant = notATool(error, invocation, known);
    if (meant !== undefined) return meant;
  }
  const { host } = options;
  if (host !== undefined && OF_HOSTS.has(error.code)) {
    if (isTarget(host, known) && target === undefined) {
      const hint = `Write: ${line(program, host, ...tail)}`;
      return slip(`"${host}" is a target, not a host`, hint);
    }
    if (isUrl(host)) return databaseAs("a host", host, known, program);
  }
  if (error.code !== "ERR_TARGET") return undefined;
  const names = [target ?? known.env["RDSIAM_TARGET"], ...targets, ...(values.target ?? [])];
  const unknown = names.find((name) => name !== undefined && !isTarget(name, known));
  if (unknown !== undefined) return databaseAs("a target", unknown, known, program);
  const [first = ""] = tail;
  if (target !== undefined || !isTarget(first, known)) return undefined;
  return slip("no target was given", `The target comes before --: ${line(program, ...tail)}`);
}

// The target was left out, or stands in the tool's place; or the tool's words are one word.
function notATool(
  error: RdsIamError,
  { options, tail, target }: Invocation,
  known: KnownLine,
): RdsIamError | undefined {
  const [name, ...args] = tail;
  if (target !== undefined && name === undefined && isPostgresqlTool(target)) {
    return slip(
      `"${target}" was taken for the target`,
      `Write: ${line("rdsiam exec", "TARGET", target)}`,
    );
  }
  if (error.code !== "ERR_TOOL_NOT_FOUND" || name === undefined) return undefined;
  const place = target === undefined ? ["--"] : [target];
  const taken = target !== undefined && options.host === undefined && !isTarget(target, known);
  if (taken && isTarget(name, known)) {
    const hint = `Swap them: ${line("rdsiam exec", name, target, ...args)}`;
    return slip(`"${name}" is the target, and "${target}" the tool`, hint);
  }
  const [flag = ""] = name.split("=");
  const own = longOptions("exec").find((usage) => usage.split(" ")[0] === flag);
  if (own !== undefined) {
    const hint = `It comes before the target: rdsiam exec ${own} ${line("", ...place).trim()} COMMAND`;
    return slip(`${flag} is rdsiam's own`, hint);
  }
  if (taken) {
    const hint = `Write: ${line("rdsiam exec", "TARGET", target, ...tail)}`;
    return slip(`"${shown(target)}" was taken for the target`, hint);
  }
  if (isTarget(name, known)) {
    const hint = `A tool comes after the target: ${line("rdsiam exec", name, ...args)}`;
    return slip(`"${name}" is a target, not a tool`, args.length > 0 ? hint : `${hint} COMMAND`);
  }
  if (name.startsWith("-")) {
    if (target !== undefined && options.host !== undefined && !isTarget(target, known)) {
      const words = line("rdsiam exec", "--host", options.host, "...", "--", target, ...tail);
      return slip(`"${shown(target)}" was taken for the target`, `Without one: ${words}`);
    }
    const hint = `A tool comes after the target: ${line("rdsiam exec", ...place)} COMMAND ${name}`;
    return slip(`${name} is an option, not a tool`, hint);
  }
  if (isUrl(name)) return slip("a URL is not a tool", "A tool comes after the target.");
  if (!/\s/.test(name) || name.includes("/")) return undefined;
  const hint = `Leave out the quotes: ${line("rdsiam exec", ...place)} ${[name, ...args.map(shellWord)].join(" ")}`;
  return new RdsIamError(error.message, { code: error.code, hint });
}

// A URL, an endpoint, a host or a tool where `place` is expected.
function databaseAs(
  place: string,
  word: string,
  { loaded }: KnownLine,
  program = "rdsiam psql",
): RdsIamError | undefined {
  // As --target NAME=TARGET has it.
  const text = word.replace(/^[A-Za-z]\w*=(?=.)/, "");
  if (isPostgresqlTool(text) && place === "a target") {
    const hint = `Write: ${line("rdsiam exec", "TARGET", text)}`;
    return slip(`"${text}" was taken for the target`, hint);
  }
  const url = isUrl(text) ? readUrl(text) : undefined;
  const { host, port } = url ?? readAuthority(text) ?? {};
  const isEndpoint = host !== undefined && parseEndpoint(host) !== undefined;
  const isHost = host !== undefined && host.split(".").length > 2;
  const isNear = nearestName(text, loaded.targets.keys()) !== undefined;
  if (url === undefined && !isEndpoint && (!isHost || isNear)) return undefined;
  const { user, dbname } = url ?? {};
  const owner = [...loaded.targets.values()].find((target) => target.host === host);
  const at = port === undefined ? host : showHostPort({ host: host ?? "", port });
  const what = `"${text}" is ${isEndpoint ? "an RDS endpoint" : "a host name"}`;
  return slip(
    `${url === undefined ? what : "a URL is"}${url === undefined ? "," : ""} not ${place}`,
    owner === undefined || user !== undefined
      ? `Write: ${line(program, "--host", at ?? "HOST", "-U", user ?? "USER", "-d", dbname ?? "DB")}`
      : `It is the host of a target: ${line(program, owner.name)}`,
  );
}

function isUrl(text: string): boolean {
  return /^(?:jdbc:)?[a-z][a-z0-9+]*:\/\//i.test(text);
}

interface TypedUrl {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly dbname?: string | undefined;
}

function readUrl(text: string): TypedUrl {
  try {
    const { hostname, port, username, pathname } = new URL(text.replace(/^jdbc:/i, ""));
    const dbname = decodeURIComponent(pathname.slice(1)) || undefined;
    const user = decodeURIComponent(username) || undefined;
    return {
      host: hostname || undefined,
      port: port === "" ? undefined : Number(port),
      user,
      dbname,
    };
  } catch {
    return {};
  }
}

function isTarget(word: string, { loaded }: KnownLine): boolean {
  return loaded.targets.has(word);
}

function isSecret({ name }: OptionSpec): boolean {
  const setting: Setting | undefined = Object.hasOwn(SETTINGS, name)
    ? SETTINGS[name as keyof typeof SETTINGS]
    : undefined;
  return setting?.secret === true;
}

function shown(word: string): string {
  return isUrl(word) ? "..." : word;
}

function line(program: string, ...words: readonly string[]): string {
  return [program, ...words.map((word) => (isUrl(word) ? "..." : shellWord(word)))].join(" ");
}

function slip(message: string, hint: string, detail?: string): RdsIamError {
  return new RdsIamError(message, { code: "ERR_USAGE", detail, hint });
}
