// The spine, and the only file that knows every room:
// profile -> credentials -> endpoint -> auth token -> proxy -> child.
import type { SecureContext } from "node:tls";
import type { AuthTokenSource } from "./aws/token-cache.ts";
import type { Credentials } from "./aws/credentials.ts";
import { childEnvironment } from "./child/environment.ts";
import { isPostgresqlTool } from "./child/find-tool.ts";
import { runTool } from "./child/run.ts";
import {
  type OptionValues,
  requireUser,
  resolveSettings,
  type Settings,
} from "./config/settings.ts";
import { type LoadedTargets, loadTargets } from "./config/targets.ts";
import { RdsIamError } from "./errors.ts";
import type { Identity } from "./identity.ts";
import type { Place } from "./locate.ts";
import type { Log } from "./log.ts";
import type { Backend } from "./proxy/backend-login.ts";
import type { ProxyEvent } from "./proxy/connection.ts";
import type { Proxy } from "./proxy/proxy.ts";
import { explainRefusals } from "./refusal.ts";
import { eventText, recordLogins } from "./report.ts";
import type { Way } from "./way.ts";

const SECRETS = ["aws_secret_access_key", "aws_session_token"];
const LOGIN_TIMEOUT = 30_000; // ms that the server gets for each login once TLS stands; a throttled IAM check takes seconds

/** What the process edge hands in. */
export interface RunContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly log: Log;
  /** Prints a line on stdout; for commands that run no tool. */
  readonly print: (line: string) => void;
  /** Aborts when something in this process failed that nobody caught: the tool is ended. */
  readonly failed: AbortSignal;
}

/** Which database, and what the command line says about it. */
export interface AccessRequest {
  readonly targetName: string | undefined;
  readonly options: OptionValues;
}

/** Everything that a login needs, resolved; the two sources are called late and as often as needed. */
export interface Access extends Place, Identity {
  readonly settings: Settings;
  readonly user: string;
  readonly dbname: string;
  readonly authToken: AuthTokenSource;
  /** Starts the way there; to be closed with the proxy that uses it. */
  readonly openWay: () => Promise<Way>;
}

/** Loads the targets; warnings go to the log, and no secret of the files or the environment ever does. */
export async function loadConfiguration(context: RunContext): Promise<LoadedTargets> {
  const loaded = await loadTargets(context);
  const { env, log } = context;
  for (const keys of loaded.aws.profiles.values()) {
    for (const name of SECRETS) log.addSecret(keys[name] ?? "");
  }
  for (const name of SECRETS) log.addSecret(env[name.toUpperCase()] ?? "");
  for (const warning of loaded.warnings) context.log.always(`rdsiam: warning: ${warning}`);
  return loaded;
}

/** Resolves a target as far as one can without connecting: settings, credentials, canonical host, Region. */
export async function openAccess(context: RunContext, request: AccessRequest): Promise<Access> {
  const loaded = await loadConfiguration(context);
  const settings = resolveSettings({ ...request, loaded, env: context.env, home: context.home });
  const user = requireUser(settings);
  const { openWay, readWay } = await import("./way.ts");
  await readWay(context, settings);
  const { locate } = await import("./locate.ts");
  const { authTokenSource } = await import("./aws/token-cache.ts");
  const { openIdentity } = await import("./identity.ts");
  // One for the whole run, whether finding the place needs it or only the token: an MFA code is asked for once.
  let opened: Promise<Identity> | undefined;
  const identityFor = (region: string): Promise<Identity> =>
    (opened ??= openIdentity(context, { settings, loaded, region }));
  const credentials = async (region: string) => (await identityFor(region)).credentials;
  const place = await locate(context, { settings, loaded, credentials });
  const identity = await identityFor(place.region);
  const { host, port, region } = place;
  const authToken = authTokenSource({ host, port, region, credentials: identity.credentials });
  const dbname = settings.dbname ?? user;
  const access = { settings, user, dbname, ...place, ...identity, authToken };
  return { ...access, openWay: () => openWay(context, { ...access, loaded }) };
}

/** Runs a tool on a target through the proxy; resolves with rdsiam's exit status. */
export async function runOnTarget(
  context: RunContext,
  request: AccessRequest,
  tool: { readonly file: string; readonly args: readonly string[]; readonly localPort: number },
): Promise<number> {
  const access = await openAccess(context, request);
  const { settings, user, dbname, host, port } = access;
  // Before the tool has the terminal, so that a failure is told here.
  const identity = await access.credentials();
  access.giveTerminalAway();
  context.log.verbose(`credentials: ${identity.source}${untilText(identity)}`);
  const logins = recordLogins();
  await using proxy = await openProxy(context, access, {
    port: tool.localPort,
    onEvent: logins.note,
  });
  context.log.addSecret(proxy.secret);
  context.log.notice(
    `${settings.target}: ${user} on ${host}:${port}/${dbname}, ${identity.source}`,
  );
  const ended = new AbortController();
  void proxy.failed.then((error) => ended.abort(error));
  const env = toolEnvironment(context, access, proxy);
  const { exitStatus } = await runTool({
    file: tool.file,
    args: tool.args,
    env,
    signal: AbortSignal.any([ended.signal, context.failed]),
  });
  if (ended.signal.aborted) throw proxyFailed(ended.signal.reason);
  const swallowed = exitStatus !== 0 && !isPostgresqlTool(tool.file) ? logins.refusalLines() : [];
  for (const line of swallowed) context.log.always(line);
  return exitStatus;
}

function toolEnvironment(
  context: RunContext,
  access: Access,
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

function proxyFailed(cause: unknown): RdsIamError {
  return new RdsIamError("the proxy stopped, so the tool was ended", {
    code: "ERR_INTERNAL",
    detail: cause instanceof Error ? `${cause.message}.` : undefined,
    cause,
  });
}

/** Starts the proxy of a target on a local port. */
export async function openProxy(
  context: RunContext,
  access: Access,
  local: { readonly port: number; readonly onEvent?: (event: ProxyEvent) => void },
): Promise<Proxy> {
  const { startProxy } = await import("./proxy/proxy.ts");
  const { host, port, region } = access;
  const refusals = explainRefusals({ host, port, region });
  const backend = await openBackend(context, access);
  const way = await access.openWay();
  const closeWay = (): PromiseLike<void> => way[Symbol.asyncDispose]();
  const starting = startProxy({
    backend: { ...backend, ...way.backend },
    port: local.port,
    authToken: async (user, { renew }) => {
      const made = await access.authToken(user, { renew });
      refusals.signed({ identity: made.identity, token: made });
      return { token: made.token, reused: made.reused };
    },
    explain: (user, fields) => refusals.explain(user, fields),
    onEvent: (event) => {
      context.log.verbose(eventText(event));
      if (event.kind === "login") access.remember();
      local.onEvent?.(event);
    },
  });
  const proxy = await starting.catch(async (error: unknown) => {
    await closeWay();
    throw error;
  });
  const close = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await closeWay();
  };
  const { failed, secret } = proxy;
  return { host: proxy.host, port: proxy.port, secret, failed, [Symbol.asyncDispose]: close };
}

async function openBackend({ env, home }: RunContext, access: Access): Promise<Backend> {
  const { settings, host, kind, region, addresses } = access;
  const { backendSecureContext } = await import("./proxy/backend-tls.ts");
  const { trustedCertificates } = await import("./rds/certificates.ts");
  const { caDirectory } = await import("./rds/ca-store.ts");
  const storeDirectory = caDirectory(env, home);
  const { sslrootcert } = settings;
  const trust = await trustedCertificates({ sslrootcert, kind, region, storeDirectory });
  let secureContext: SecureContext | undefined;
  return {
    host,
    port: settings.port,
    secureContext: () => (secureContext ??= backendSecureContext(trust.certificates)),
    trust: trust.description,
    addresses,
    connectTimeout: settings.connectTimeout * 1_000,
    loginTimeout: LOGIN_TIMEOUT,
  };
}
