// The spine, and the only file that knows every room:
// profile -> credentials -> endpoint -> auth token -> proxy -> child.
import type { SecureContext } from "node:tls";
import type { AuthTokenSource } from "./aws/auth-token.ts";
import type { Credentials, CredentialSource } from "./aws/credentials.ts";
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
import type { Log } from "./log.ts";
import type { EndpointKind } from "./rds/endpoint.ts";
import type { Backend } from "./proxy/backend-login.ts";
import type { ProxyEvent } from "./proxy/connection.ts";
import type { Proxy } from "./proxy/proxy.ts";
import { explainRefusals } from "./refusal.ts";
import { eventText, recordLogins } from "./report.ts";

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
export interface Access {
  readonly settings: Settings;
  readonly user: string;
  readonly dbname: string;
  /** The canonical host, as RDS itself calls it. */
  readonly host: string;
  readonly kind: EndpointKind;
  readonly region: string;
  readonly addresses: () => Promise<
    readonly { readonly address: string; readonly family: 4 | 6 }[]
  >;
  readonly credentials: CredentialSource;
  readonly authToken: AuthTokenSource;
}

/** Loads the targets; warnings go to the log. */
export async function loadConfiguration(context: RunContext): Promise<LoadedTargets> {
  const loaded = await loadTargets(context);
  for (const warning of loaded.warnings) context.log.always(`rdsiam: warning: ${warning}`);
  return loaded;
}

/** Resolves a target as far as one can without connecting: settings, credentials, canonical host, Region. */
export async function openAccess(context: RunContext, request: AccessRequest): Promise<Access> {
  const loaded = await loadConfiguration(context);
  const settings = resolveSettings({ ...request, loaded, env: context.env, home: context.home });
  const user = requireUser(settings);
  const endpoint = await locate(context, settings);
  const { authTokenSource } = await import("./aws/auth-token.ts");
  const credentials = await openCredentials(context, { settings, loaded, region: endpoint.region });
  const authToken = authTokenSource({
    host: endpoint.host,
    port: settings.port,
    region: endpoint.region,
    credentials,
  });
  return { settings, user, dbname: settings.dbname ?? user, ...endpoint, credentials, authToken };
}

type Located = Pick<Access, "host" | "kind" | "region" | "addresses">;

async function locate({ log }: RunContext, settings: Settings): Promise<Located> {
  const { nameResolver } = await import("./rds/resolver.ts");
  const { resolveCanonicalHost } = await import("./rds/canonical-host.ts");
  const resolver = nameResolver(settings.dnsServers);
  const { canonical, hops } = await resolveCanonicalHost(settings.host, {
    resolver,
    region: settings.region,
  });
  log.verbose(
    `host: ${hops.join(" -> ")} (${canonical.kind}, ${canonical.region ?? "no Region in the name"})`,
  );
  const region = settings.region ?? canonical.region;
  if (region === undefined) {
    throw new RdsIamError(`no Region for ${canonical.host}`, {
      code: "ERR_REGION",
      detail: "The name does not say in which Region the database is.",
      hint: "Add --region REGION, or set rds_region in the target's profile.",
    });
  }
  if (settings.profileRegion !== undefined && settings.profileRegion !== region) {
    log.verbose(
      `the profile's Region is ${settings.profileRegion}, the database's ${region}: tokens are signed for the latter`,
    );
  }
  return {
    host: canonical.host,
    kind: canonical.kind,
    region,
    addresses: () => resolver.addresses(canonical.host),
  };
}

async function openCredentials(
  context: RunContext,
  { settings, loaded, region }: { settings: Settings; loaded: LoadedTargets; region: string },
): Promise<CredentialSource> {
  const { credentialSource } = await import("./aws/credentials.ts");
  const { roleArn, externalId, roleSessionName: sessionName, durationSeconds } = settings;
  const load = credentialSource({
    profile: settings.profile,
    files: loaded.aws,
    env: context.env,
    fallbackRegion: region,
    role: roleArn === undefined ? undefined : { roleArn, externalId, sessionName, durationSeconds },
  });
  return async () => {
    const credentials = await load();
    for (const secret of [credentials.secretAccessKey, credentials.sessionToken])
      if (secret) context.log.addSecret(secret);
    return credentials;
  };
}

/** Runs a tool on a target through the proxy; resolves with rdsiam's exit status. */
export async function runOnTarget(
  context: RunContext,
  request: AccessRequest,
  tool: { readonly file: string; readonly args: readonly string[]; readonly localPort: number },
): Promise<number> {
  const access = await openAccess(context, request);
  const { settings, user, dbname, host } = access;
  // Before the tool has the terminal, so that a failure is told here.
  const identity = await access.credentials();
  context.log.verbose(`credentials: ${identity.source}${untilText(identity)}`);
  const logins = recordLogins();
  await using proxy = await openProxy(context, access, {
    port: tool.localPort,
    onEvent: logins.note,
  });
  context.log.addSecret(proxy.secret);
  context.log.notice(
    `${settings.target}: ${user} on ${host}:${settings.port}/${dbname}, ${identity.source}`,
  );
  const ended = new AbortController();
  void proxy.failed.then((error) => ended.abort(error));
  const env = childEnvironment({
    env: context.env,
    host: proxy.host,
    port: proxy.port,
    user,
    dbname,
    password: proxy.secret,
    target: settings.target,
    // With the port where it is not the usual one: a nested rdsiam takes RDSIAM_HOST for its --host.
    rdsHost: settings.port === 5432 ? host : `${host}:${settings.port}`,
    applicationName: settings.applicationName,
  });
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
  const { settings, host, region } = access;
  const refusals = explainRefusals({ host, port: settings.port, region });
  return startProxy({
    backend: await openBackend(access),
    port: local.port,
    authToken: async (user) => {
      const identity = await access.credentials();
      const made = await access.authToken(user);
      context.log.addSecret(made.token);
      refusals.signed({ identity, token: made });
      return { token: made.token, reused: false };
    },
    explain: (user, fields) => refusals.explain(user, fields),
    onEvent: (event) => {
      context.log.verbose(eventText(event));
      local.onEvent?.(event);
    },
  });
}

async function openBackend({ settings, host, kind, region, addresses }: Access): Promise<Backend> {
  const { backendSecureContext } = await import("./proxy/backend-tls.ts");
  const { trustedCertificates } = await import("./rds/certificates.ts");
  const trust = await trustedCertificates({ sslrootcert: settings.sslrootcert, kind, region });
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
