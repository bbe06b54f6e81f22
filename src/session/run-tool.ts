// The part of a session that runs a tool on one target: the proxy, the tool's environment, and what is told when it failed.
// The tool starts as soon as nobody can be asked anything any more. What takes the network's time (credentials, addresses,
// TLS) goes on beside it, and its own start-up hides it; what fails there reaches the tool as an ErrorResponse.
import { childEnvironment } from "../tool/environment.ts";
import { isPostgresqlTool } from "../tool/find-tool.ts";
import { runTool } from "../tool/run.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { FAILED, problemOf } from "../base/problem.ts";
import { recordLogins } from "./report.ts";
import { firstSession } from "../base/waiting.ts";
import type { Credentials } from "../aws/credentials.ts";
import { isIam, openToolAccess, openToolProxy, type ToolAccess } from "./logins.ts";
import type { RunContext } from "../base/context.ts";
import type { AccessRequest } from "./session.ts";

/** A tool to run on a target. */
export interface Tool {
  readonly file: string;
  readonly args: readonly string[];
  readonly localPort: number | undefined;
  /** Fits arguments and environment to each other, once the environment is known. */
  readonly fit?: (words: ToolWords) => ToolWords;
}

/** What a tool is started with. */
export interface ToolWords {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Runs a tool on a target through the proxy; resolves with rdsiam's exit status. */
export async function runOnTarget(
  context: RunContext,
  request: AccessRequest,
  tool: Tool,
): Promise<number> {
  const access = await openToolAccess(context, request);
  const identity = await settleIdentity(context, access);
  const logins = recordLogins();
  const first = firstSession(context.waiting, access.host, isPostgresqlTool(tool.file));
  await using proxy = await openToolProxy(context, access, {
    port: tool.localPort ?? access.settings.localPort ?? 0,
    onProven: first.begin,
    onEvent: (event) => {
      first.end(event);
      logins.note(event);
    },
  });
  context.log.addSecret(proxy.secret);
  context.log.notice(`${placeText(access)}, ${identity.name}`);
  const ended = new AbortController();
  void proxy.failed.then((error) => ended.abort(error));
  const words = { args: tool.args, env: toolEnvironment(context, access, proxy) };
  context.waiting.hide();
  const { exitStatus } = await runTool({
    file: tool.file,
    ...(tool.fit?.(words) ?? words),
    started: () => {
      proxy.prepare();
      identity.prepare();
    },
    signal: AbortSignal.any([ended.signal, context.failed]),
  });
  first.end();
  if (ended.signal.aborted) throw proxyFailed(ended.signal.reason);
  if (exitStatus === 0 || logins.worked()) return exitStatus;
  // What the tool said of it may be little: it only saw a login that failed.
  if (identity.hasFailed()) return FAILED;
  const refusal = isPostgresqlTool(tool.file) ? undefined : logins.refusal();
  if (refusal !== undefined) context.log.error(refusal);
  return exitStatus;
}

/** Which database it is, and as whom, for a person. */
export function placeText({ settings, user, dbname, host, port }: ToolAccess): string {
  const mode = settings.readOnly ? ", read-only" : "";
  return `${settings.target}: ${user} on ${host}:${port}/${dbname}${mode}`;
}

/** Who one is in a run, whether that is known yet or not. */
interface SettledIdentity {
  /** For people. */
  readonly name: string;
  /** Signs an auth token ahead, with credentials that are got now, where they are not there yet. */
  readonly prepare: () => void;
  /** Whether there were no credentials to be had. */
  readonly hasFailed: () => boolean;
}

// Credentials for which somebody may be asked come before the tool has the terminal, and so do those that are only read,
// with whatever is wrong with them.
async function settleIdentity(context: RunContext, access: ToolAccess): Promise<SettledIdentity> {
  const { log } = context;
  if (!isIam(access)) {
    const name = await access.identify();
    access.giveTerminalAway();
    return { name, prepare: () => {}, hasFailed: () => false };
  }
  const told = (found: Credentials): string => {
    log.verbose(`credentials: ${found.source}${untilText(found)}`);
    return found.source;
  };
  const early = access.effort() === "network" ? undefined : told(await access.credentials());
  access.giveTerminalAway();
  let failed = false;
  const fail = (error: unknown): void => {
    failed = true;
    log.error(problemOf(error));
  };
  const sign = (): void => {
    // A login asks for the same again, and is told what is wrong with it.
    access.authToken(access.user, { ahead: true }).catch(() => {});
  };
  const call = (): void => void access.credentials().then(told).then(sign, fail);
  const { profile, roleArn } = access.settings;
  const own = profile === undefined ? "the environment's identity" : `profile "${profile}"`;
  return {
    name: early ?? roleArn ?? own,
    prepare: early === undefined ? call : sign,
    hasFailed: () => failed,
  };
}

function toolEnvironment(
  context: RunContext,
  access: ToolAccess,
  proxy: Proxy,
): Record<string, string> {
  const { settings } = access;
  return childEnvironment({
    env: context.env,
    host: proxy.host,
    port: proxy.port,
    user: access.user,
    dbname: access.dbname,
    password: proxy.secret,
    target: settings.target,
    // With the port where it is not the usual one: a nested rdsiam takes RDSIAM_HOST for its --host.
    rdsHost: settings.port === 5432 ? access.dialHost : `${access.dialHost}:${settings.port}`,
    applicationName: settings.applicationName,
  });
}

function untilText(credentials: Credentials): string {
  return credentials.expiration === undefined
    ? ""
    : `, good until ${credentials.expiration.toISOString()}`;
}

/** The error for a listener that ended while a tool ran. */
export function proxyFailed(cause: unknown): RdsIamError {
  return new RdsIamError("the proxy stopped, so the tool was ended", {
    code: "ERR_INTERNAL",
    detail: cause instanceof Error ? `${cause.message}.` : undefined,
    cause,
  });
}
