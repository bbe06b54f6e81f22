// The spine: runs a tool on one target or several, from their settings to the exit status.
// The tool starts as soon as no question can be asked any more. What takes the network's time (credentials, addresses, TLS)
// goes on beside it, and its own start-up hides it; what fails there reaches the tool as an ErrorResponse.
import { defaultPort } from "../base/redshift.ts";
import type { Credentials } from "../aws/credentials.ts";
import type { Environment, RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { loggingOnce } from "../base/log.ts";
import { FAILED, problemOf } from "../base/problem.ts";
import { firstSession } from "../base/waiting.ts";
import { requireUser, type Settings } from "../config/settings.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { notUtf8 } from "../runtime/lossy-text.ts";
import { type ProxyTarget, toolEnvironment } from "../tool/environment.ts";
import { isPostgresqlTool, refuseOtherDatabase } from "../tool/tool-arguments.ts";
import { runTool } from "../tool/run.ts";
import { type openCredentials, sharedCredentials } from "./credentials.ts";
import { describeLogin, type Login, openLogin, untilText } from "./login.ts";
import { openProxy } from "./open-proxy.ts";
import { type LoginRecord, recordLogins } from "./proxy-events.ts";
import { resolveRun } from "./resolve-run.ts";
import type { TargetRequest } from "./settings.ts";

/** A target of a run, and what its variables begin with: `SRC_`, or nothing. */
export interface PrefixedRequest extends TargetRequest {
  readonly prefix: string;
}

/** A tool to run. */
export interface Tool {
  readonly file: string;
  readonly args: readonly string[];
  /** Of the proxy; undefined for the target's own. */
  readonly localPort?: number | undefined;
  /** Fits arguments and environment to each other, once the environment is known. */
  readonly fit?: ((command: ToolCommand, settings: readonly Settings[]) => ToolCommand) | undefined;
  /** Runs it where that is not on rdsiam's own terminal and streams. */
  readonly run?: typeof runTool | undefined;
}

/** What a tool is started with. */
export interface ToolCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a tool with a proxy for each target; resolves with rdsiam's exit status. */
export async function runOnTargets(
  context: RunContext,
  requests: readonly PrefixedRequest[],
  tool: Tool,
): Promise<number> {
  const once = { ...context, log: loggingOnce(context.log) };
  const known = await openToolLogins(once, requests, { open: sharedCredentials(), ...tool });
  context.terminal.giveAway();
  return runOnLogins(context, known, tool);
}

/** A login, and whose it is. */
export interface KnownLogin {
  readonly login: ToolLogin;
  readonly identity: ToolIdentity;
}

/** What logins are opened with: credentials, and the words of the tool that they are for. */
export interface LoginSources extends Pick<Tool, "args"> {
  readonly open: typeof openCredentials;
}

/** Opens the logins of a run, and asks what has to be asked for them. */
export async function openToolLogins(
  context: RunContext,
  requests: readonly PrefixedRequest[],
  { open, args }: LoginSources,
): Promise<readonly KnownLogin[]> {
  checkBytes(context, args);
  const logins: ToolLogin[] = [];
  for (const request of requests) logins.push(await openToolLogin(context, request, open));
  const isTimed = hasConnectTimeout(context.env, args);
  const known: KnownLogin[] = [];
  for (const login of logins) {
    known.push({ login, identity: await identify(context, login, isTimed) });
  }
  return known;
}

/** Runs a tool with a proxy for each login; no question may be asked any more. */
export async function runOnLogins(
  context: RunContext,
  known: readonly KnownLogin[],
  tool: Tool,
): Promise<number> {
  const { log, waiting } = context;
  const logins = known.map(({ login, identity }) => withOneError(login, identity));
  const identities = known.map(({ identity }) => identity);
  const record = recordLogins();
  await using proxies = await openProxies(context, logins, { record, tool });
  for (const [index, login] of logins.entries()) {
    const variables = login.prefix === "" ? "" : `${login.prefix}PGHOST, ...: `;
    const line = `${login.settings.label}: ${describeLogin(login)}, ${identities[index]?.name}`;
    log.notice(`${variables}${line}`, {}, login.settings.color);
  }
  const command = {
    args: tool.args,
    env: toolEnvironment(
      context.env,
      proxyTargets(logins, proxies.list),
      isPostgresqlTool(tool.file),
    ),
  };
  waiting.hide();
  const { exitStatus } = await (tool.run ?? runTool)({
    file: tool.file,
    ...(tool.fit?.(
      command,
      logins.map(({ settings }) => settings),
    ) ?? command),
    started: () => {
      for (const proxy of proxies.list) proxy.prepare();
      // To sign takes a while, in which the proxies' packets travel.
      setImmediate(() => identities.forEach((identity) => identity.prepare()));
    },
    signal: AbortSignal.any([proxies.failed, context.failed]),
  });
  proxies.ended();
  if (proxies.failed.aborted) throw proxyFailed(proxies.failed.reason);
  return explainFailure(context, { exitStatus, identities, record, tool });
}

// An argument that would reach the tool changed is an error; of the environment, a tool may need nothing.
function checkBytes({ log }: RunContext, args: readonly string[]): void {
  if (args.some((word) => word.includes("\uFFFD")) && notUtf8("cmdline").length > 0) {
    throw new RdsIamError("an argument of the tool is not UTF-8", {
      code: "ERR_USAGE",
      detail: "It would not reach the tool as it was typed.",
      hint: "Put it into a file or a script that the tool reads, or write it in UTF-8.",
    });
  }
  const names = notUtf8("environ").map((variable) => variable.split("=", 1)[0]);
  if (names.length === 0) return;
  log.warning({
    message: `not UTF-8, so that the tool does not get it as it is: ${names.join(", ")}`,
    hint: "Unset it, or write it in UTF-8.",
  });
}

interface ToolRun {
  readonly exitStatus: number;
  readonly identities: readonly ToolIdentity[];
  readonly record: LoginRecord;
  readonly tool: Tool;
}

// The tool's own words may be few: it only saw a login that failed.
function explainFailure({ log }: RunContext, { exitStatus, identities, record, tool }: ToolRun) {
  if (exitStatus === 0 || record.worked()) return exitStatus;
  if (identities.some((identity) => identity.hasFailed())) return FAILED;
  const refusal = isPostgresqlTool(tool.file) ? undefined : record.refusal();
  if (refusal !== undefined) log.error(refusal);
  return exitStatus;
}

/** A login whose user and database a tool can be given. */
type ToolLogin = Login & {
  readonly prefix: string;
  readonly user: string;
  readonly dbname: string;
};

async function openToolLogin(
  context: RunContext,
  { prefix, ...request }: PrefixedRequest,
  open: typeof openCredentials,
): Promise<ToolLogin> {
  const run = await resolveRun(context, request);
  // A secret may have one.
  if (run.settings.secret === undefined) requireUser(run.settings);
  const login = await openLogin(context, run, { open });
  const user = requireUser(login.settings);
  const dbname = login.dbname ?? user;
  refuseOtherDatabase(dbname);
  return { ...login, prefix, user, dbname };
}

/** The identity of a run, whether its credentials are there yet or not. */
interface ToolIdentity {
  /** For people. */
  readonly name: string;
  /** Signs an auth token ahead, with credentials that are fetched now, where they are not there yet. */
  readonly prepare: () => void;
  /** Whether the credentials could not be had, which has been reported. */
  readonly hasFailed: () => boolean;
  /** Resolves once `prepare` has got them, or reported why it has not. */
  readonly settled: () => Promise<void>;
}

// A tool with a limit of its own for connecting would charge it with what AWS takes.
function hasConnectTimeout(env: Environment, args: readonly string[]): boolean {
  const inWords = args.some((word) => /\bconnect_timeout\s*=/.test(word));
  return inWords || Number(env["PGCONNECT_TIMEOUT"]) > 0;
}

// Credentials that may ask a question come before the tool has the terminal, and so do those that are only read, with
// whatever is wrong with them.
async function identify(
  { log }: RunContext,
  login: ToolLogin,
  isTimed: boolean,
): Promise<ToolIdentity> {
  if (login.kind !== "iam") {
    const name = (await login.identify()) ?? "no AWS credentials";
    return { name, prepare: () => {}, hasFailed: () => false, settled: () => Promise.resolve() };
  }
  const logged = (found: Credentials): string => {
    log.verbose(`credentials: ${found.source}${untilText(found)}`);
    return found.source;
  };
  const { profile, roleArn } = login.settings;
  const own = profile === undefined ? "the environment's identity" : `profile "${profile}"`;
  const isLater = login.need() === "network";
  if (isLater && isTimed) {
    log.verbose(`waiting for ${roleArn ?? own}: the tool has a limit of its own for connecting`);
  }
  const early = isLater && !isTimed ? undefined : logged(await login.credentials());
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    log.error(problemOf(error));
  };
  const sign = (): void => {
    // A login asks for the same again, and reports what is wrong with it.
    login.authToken(login.user, { ahead: true }).catch(() => {});
  };
  let settled = Promise.resolve();
  const call = (): void => {
    settled = login.credentials().then(logged).then(sign, fail);
  };
  return {
    // Where exactly the keys stand is for -v.
    name: early?.replace(/ in [^"]*, line \d+.*$/, "") ?? roleArn ?? own,
    prepare: early === undefined ? call : sign,
    hasFailed: () => failed,
    settled: () => settled,
  };
}

// Why there are no credentials has been reported: the tool's error must not repeat it, or have another cause.
function withOneError(login: ToolLogin, { hasFailed, settled }: ToolIdentity): ToolLogin {
  if (login.kind !== "iam") return login;
  const unlessFailed = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!hasFailed()) throw error;
      throw new RdsIamError("no AWS credentials: see rdsiam's error above", {
        code: "ERR_CREDENTIALS",
      });
    }
  };
  const { endpoint, passwords } = login;
  const get: typeof passwords.get = (who, options) =>
    unlessFailed(async () => {
      try {
        return await passwords.get(who, options);
      } finally {
        await settled();
      }
    });
  return {
    ...login,
    endpoint: { ...endpoint, addresses: () => unlessFailed(endpoint.addresses) },
    passwords: { ...passwords, get },
  };
}

/** The proxies of a run. */
interface Proxies extends AsyncDisposable {
  /** In the order of the logins. */
  readonly list: readonly Proxy[];
  /** Aborts when a listener ended while the tool runs. */
  readonly failed: AbortSignal;
  /** To be called when the tool has ended. */
  readonly ended: () => void;
}

async function openProxies(
  context: RunContext,
  logins: readonly ToolLogin[],
  { record, tool }: Pick<ToolRun, "record" | "tool">,
): Promise<Proxies> {
  const isQuiet = tool.run === undefined && isPostgresqlTool(tool.file);
  const waits = logins.map(({ endpoint }) => firstSession(context.waiting, endpoint.host, isQuiet));
  const list: Proxy[] = [];
  const failed = new AbortController();
  const close = async (): Promise<void> => {
    await Promise.all(list.map((proxy) => proxy[Symbol.asyncDispose]()));
  };
  try {
    for (const [index, login] of logins.entries()) {
      const proxy = await openProxy(context, login, {
        port: tool.localPort ?? login.settings.localPort ?? 0,
        onProven: waits[index]?.begin,
        onEvent: (event) => {
          waits[index]?.end(event);
          record.note(event);
        },
      });
      list.push(proxy);
      context.log.addSecret(proxy.secret);
      void proxy.failed.then((error) => failed.abort(error));
    }
  } catch (error) {
    await close();
    throw error;
  }
  const ended = (): void => waits.forEach(({ end }) => end());
  return { list, failed: failed.signal, ended, [Symbol.asyncDispose]: close };
}

function proxyTargets(logins: readonly ToolLogin[], proxies: readonly Proxy[]): ProxyTarget[] {
  return proxies.flatMap(({ host, port, secret: password }, index) => {
    const login = logins[index];
    if (login === undefined) return [];
    const { endpoint, prefix, settings, user, dbname } = login;
    const { applicationName, label: target } = settings;
    // With the port where it is not the usual one: a nested rdsiam takes RDSIAM_HOST for its --host.
    const { dialHost } = endpoint;
    const isUsual = settings.port === 5432 && defaultPort(dialHost, settings.redshift) === 5432;
    const rdsHost = isUsual ? dialHost : `${dialHost}:${settings.port}`;
    return [{ prefix, host, port, user, dbname, password, target, rdsHost, applicationName }];
  });
}

function proxyFailed(cause: unknown): RdsIamError {
  return new RdsIamError("the proxy stopped, so the tool was ended", {
    code: "ERR_INTERNAL",
    detail: cause instanceof Error ? `${cause.message}.` : undefined,
    cause,
  });
}
