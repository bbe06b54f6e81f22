// How rdsiam logs in to a database: with IAM auth tokens, with the passwords of a command or of a secret, or not at all, where the tool and
// the server see to it themselves. Everything after this file is the same for all of them.
import type { AuthTokenSigner } from "../aws/auth-token.ts";
import type { CredentialNeed, Credentials, CredentialSource } from "../aws/credentials.ts";
import { type AuthTokenSource, authTokenSource } from "../aws/token-cache.ts";
import type { RunContext } from "../base/context.ts";
import { DSQL_DATABASE } from "../base/dsql.ts";
import { RdsIamError } from "../base/errors.ts";
import { recentSecrets } from "../base/redact.ts";
import { SETTINGS } from "../config/keys.ts";
import { passwordSource, requireUser, type Settings } from "../config/settings.ts";
import { AUTO_SECRET } from "../config/targets.ts";
import type { DatabaseUser, PasswordProvider } from "../proxy/backend-authentication.ts";
import type { AddedFields, BackendRefusal } from "../proxy/failure.ts";
import { passwordEnvironment, runPasswordCommand } from "../tool/password-command.ts";
import { callerOf, openCredentials, type RunCredentials } from "./credentials.ts";
import { type DatabaseEndpoint, findEndpoint, typedEndpoint } from "./endpoint.ts";
import {
  explainPassedLogin,
  explainPasswordRefusal,
  explainRefusals,
  explainSecretRefusal,
} from "./explain-refusal.ts";
import { publicDsqlHost, redshiftCluster } from "../rds/endpoint.ts";
import { resolveRun } from "./resolve-run.ts";
import { openSecret, type RunSecret, secretPasswords, withSecret } from "./secret.ts";
import type { RunSettings, TargetRequest } from "./settings.ts";

const SECRETS_KEPT = 100; // passwords that the log strikes out: a proxy that runs for months may see a new one with each login

/** A database, and how rdsiam logs in there; nothing is connected yet. */
export type Login = IamLogin | PasswordLogin | PassThroughLogin;

interface AnyLogin extends RunSettings {
  readonly endpoint: DatabaseEndpoint;
  /** Of the AWS calls that the login or its tunnel makes. */
  readonly credentials: CredentialSource;
  /** Gets the credentials where any are needed, which may ask at the terminal; resolves with a description for people. */
  readonly identify: () => Promise<string | undefined>;
  /** DETAIL and HINT for a login of a user that the server refused. */
  readonly explain: (user: string, refusal: BackendRefusal) => AddedFields;
}

/** rdsiam logs in with auth tokens, or with the users and passwords that Redshift's API gives. */
export interface IamLogin extends AnyLogin {
  readonly kind: "iam";
  readonly user: string;
  readonly dbname: string;
  /** What the first call of `credentials` will take; throws for a profile that is broken. */
  readonly need: () => CredentialNeed;
  readonly authToken: AuthTokenSource;
  readonly passwords: PasswordProvider;
}

/** rdsiam logs in with what the password command prints, or with a secret of Secrets Manager. */
export interface PasswordLogin extends AnyLogin {
  readonly kind: "password";
  /** Undefined where none is set: the tool names it. */
  readonly user: string | undefined;
  readonly dbname: string | undefined;
  readonly passwords: PasswordProvider;
}

/** The tool and the server log in; nothing is signed and no credentials are asked for. */
export interface PassThroughLogin extends AnyLogin {
  readonly kind: "pass-through";
  /** Undefined where none is set: the tool names it. */
  readonly user: string | undefined;
  readonly dbname: string | undefined;
}

/** How a login is opened. */
export interface LoginOptions {
  /** Without it the settings choose between IAM, a password command and a secret. */
  readonly auth?: "iam" | "pass-through" | undefined;
  /** Opens the credentials: sharedCredentials() for several targets. */
  readonly open?: typeof openCredentials | undefined;
}

/** Resolves a target as far as possible without connecting. */
export function openLogin(
  context: RunContext,
  run: RunSettings,
  { auth, open = openCredentials }: LoginOptions = {},
): Promise<Login> {
  if (auth === "pass-through") return openPassThrough(context, run);
  const source = auth === "iam" ? undefined : passwordSource(run.settings);
  if (source === "secret") return openSecretLogin(context, run, open);
  return source === undefined ? openIam(context, run, open) : openPassword(context, run);
}

/** Resolves a target that must use IAM; one with a password command or a secret is an ERR_TARGET. */
export async function openIamLogin(context: RunContext, request: TargetRequest): Promise<IamLogin> {
  const run = await resolveRun(context, request);
  const source = passwordSource(run.settings);
  if (source === undefined) return openIam(context, run);
  throw noAuthToken(run.settings, source);
}

function noAuthToken(
  { label, secret }: Settings,
  source: NonNullable<ReturnType<typeof passwordSource>>,
): RdsIamError {
  const isSecret = source === "secret";
  const what = isSecret ? "a secret of Secrets Manager" : "a password command";
  const key = isSecret
    ? "rds_secret (RDSIAM_SECRET)"
    : "rds_password_command (RDSIAM_PASSWORD_COMMAND)";
  return new RdsIamError(`"${label}" uses ${what}, so there is no auth token`, {
    code: "ERR_TARGET",
    detail: isSecret
      ? `Its password is the one in the secret ${secret}.`
      : "Its password is what the password command prints.",
    hint: `It works with rdsiam psql, exec and proxy. To use IAM, remove ${key}.`,
  });
}

async function openIam(
  context: RunContext,
  run: RunSettings,
  openShared = openCredentials,
): Promise<IamLogin> {
  requireUser(run.settings);
  // One for the whole run, whether the endpoint needs it or only the token: an MFA code is asked for once.
  let opened: RunCredentials | undefined;
  const open = (region: string): RunCredentials => (opened ??= openShared(context, run, region));
  const endpoint = await findEndpoint(context, run, (region) => open(region).credentials);
  await checkRedshift({ ...run, endpoint });
  return iamLogin(context, run, endpoint, open(endpoint.region));
}

/** Rejects for what Redshift has no call for, and for settings of its own that no other database has; before a tool starts. */
export async function checkRedshift({
  endpoint,
  settings,
}: Pick<IamLogin, "endpoint" | "settings">): Promise<void> {
  const { dbGroups: groups, label, redshift } = settings;
  const cluster = redshiftCluster(endpoint, redshift);
  if (cluster !== undefined) {
    const { checkRedshiftLogin } = await import("../aws/redshift.ts");
    checkRedshiftLogin({ ...cluster, groups, user: requireUser(settings), database: undefined });
    return;
  }
  const key = redshift === undefined ? "rds_db_groups" : "rds_redshift";
  if (redshift === undefined && groups.length === 0) return;
  throw new RdsIamError(`"${label}" has ${key}, but is not a Redshift database`, {
    code: "ERR_TARGET",
    detail: `${endpoint.host} is an RDS endpoint.`,
    hint: `Leave ${key} out, or correct the host.`,
  });
}

// Redshift's API gives the user with the password.
function redshiftIssuer(
  context: RunContext,
  run: RunSettings,
  { host, kind, port, region }: DatabaseEndpoint,
): AuthTokenSigner | undefined {
  const { dbGroups: groups, redshift } = run.settings;
  const cluster = redshiftCluster({ host, kind }, redshift);
  if (cluster === undefined) return undefined;
  const keepOut = recentSecrets(context.log.addSecret, SECRETS_KEPT);
  let isNoted = false;
  return async (user, identity, database) => {
    const { redshiftPassword } = await import("../aws/redshift.ts");
    const caller = callerOf(context, run, region, async () => identity);
    const asking = redshiftPassword({ ...cluster, user, database, groups }, caller);
    const issued = await context.waiting.for("the Redshift API", asking);
    keepOut(issued.password);
    const { verbose } = context.log;
    verbose(`database user: ${issued.user}, until ${issued.expiresAt.toISOString()}`);
    if (!isNoted) {
      verbose(
        "Redshift calls itself PostgreSQL 8.0.2: some of psql's \\d commands fail, and pg_dump refuses it",
      );
    }
    isNoted = true;
    const { source, expiration } = identity;
    const { password: token, ...named } = issued;
    return { ...named, token, host, port, region, identity: { source, expiration } };
  };
}

/** The login with auth tokens to an endpoint that has been found, with credentials that have been opened. */
export function iamLogin(
  context: RunContext,
  run: RunSettings,
  endpoint: DatabaseEndpoint,
  { credentials, need }: RunCredentials,
): IamLogin {
  const user = requireUser(run.settings);
  const { host, port, region } = endpoint;
  const isDsql = endpoint.kind === "dsql";
  const issue = redshiftIssuer(context, run, endpoint);
  const dbname = run.settings.dbname ?? (isDsql ? DSQL_DATABASE : user);
  const signFor = (signed: string): AuthTokenSource =>
    authTokenSource({ host: signed, port, region, isDsql, issue, credentials });
  const source = signFor(host);
  const authToken: AuthTokenSource = (who, options) =>
    source(who, { database: dbname, ...options });
  const publicHost = publicDsqlHost(endpoint);
  const publicToken = publicHost === undefined ? undefined : signFor(publicHost);
  // The one that the server takes, once that is known.
  let taken = publicToken === undefined ? authToken : undefined;
  const refusals = explainRefusals({ host, port, region, isDsql, isRedshift: issue !== undefined });
  return {
    kind: "iam",
    ...run,
    endpoint,
    user,
    dbname,
    credentials,
    need,
    authToken,
    passwords: {
      kind: issue === undefined ? "auth token" : "password",
      choosesUser: issue !== undefined,
      get: async (who, { fresh }) => {
        const used = taken ?? (fresh ? publicToken : undefined) ?? authToken;
        const made = await used(who.user, { renew: fresh, database: who.database });
        refusals.signed({ identity: made.identity, token: made });
        return {
          password: made.token,
          user: made.user,
          reused: made.reused,
          isGuess: taken === undefined,
          accepted: () => (taken = used),
        };
      },
    },
    identify: async () => (await credentials()).source,
    explain: refusals.explain,
  };
}

async function openPassword(context: RunContext, run: RunSettings): Promise<PasswordLogin> {
  return passwordLogin(context, run, await typedEndpoint(context, run));
}

/** The login with a password command to an endpoint that has been found. */
export function passwordLogin(
  context: RunContext,
  run: RunSettings,
  endpoint: DatabaseEndpoint,
): PasswordLogin {
  const tunnel = tunnelCredentials(context, run, endpoint);
  return {
    kind: "password",
    ...run,
    endpoint,
    ...namedUser(run.settings),
    ...tunnel,
    identify: async () => {
      const source = await tunnel.identify();
      return `a password command${source === undefined ? "" : `, ${source}`}`;
    },
    passwords: commandPasswords(context, run.settings, endpoint),
    explain: (_user, refusal) => explainPasswordRefusal(refusal),
  };
}

async function openSecretLogin(
  context: RunContext,
  run: RunSettings,
  openShared: typeof openCredentials,
): Promise<PasswordLogin> {
  let opened: RunCredentials | undefined;
  const credentials = (region: string): CredentialSource =>
    (opened ??= openShared(context, run, region)).credentials;
  // The RDS API says whose the secret is, so that an alias may be followed: the password goes nowhere else.
  const found =
    run.settings.secret === AUTO_SECRET ? await findEndpoint(context, run, credentials) : undefined;
  const secret = openSecret(context, run, { credentials, endpoint: found });
  const filled = { ...run, settings: await withSecret(run.settings, secret) };
  const endpoint = found ?? (await typedEndpoint(context, filled));
  return secretLogin(filled, endpoint, { secret, credentials: credentials(endpoint.region) });
}

/** The login with a secret to an endpoint that has been found. */
export function secretLogin(
  run: RunSettings,
  endpoint: DatabaseEndpoint,
  { secret, credentials }: { readonly secret: RunSecret; readonly credentials: CredentialSource },
): PasswordLogin {
  return {
    kind: "password",
    ...run,
    endpoint,
    ...namedUser(run.settings),
    credentials,
    // Questions come before a tool has the terminal.
    identify: async () => `the secret ${secret.name}, ${(await credentials()).source}`,
    passwords: secretPasswords(secret),
    explain: (_user, refusal) => explainSecretRefusal(refusal, secret.name),
  };
}

async function openPassThrough(context: RunContext, run: RunSettings): Promise<PassThroughLogin> {
  const endpoint = await typedEndpoint(context, run);
  return {
    kind: "pass-through",
    ...run,
    endpoint,
    ...namedUser(run.settings),
    ...tunnelCredentials(context, run, endpoint),
    explain: (_user, refusal) => explainPassedLogin(refusal),
  };
}

const ASKS_AWS: ReadonlySet<string> = new Set(["eice", "ssm"]);

// Logins that are not IAM's need AWS for a tunnel that AWS carries alone.
function tunnelCredentials(
  context: RunContext,
  run: RunSettings,
  { region }: DatabaseEndpoint,
): Pick<AnyLogin, "credentials" | "identify"> {
  const { credentials } = openCredentials(context, run, region);
  return {
    credentials,
    identify: async () => (ASKS_AWS.has(run.via.kind) ? (await credentials()).source : undefined),
  };
}

function namedUser({ user, dbname = user }: Settings): Pick<PasswordLogin, "dbname" | "user"> {
  return { user, dbname };
}

/** Gets passwords from the password command; logins of one user at the same moment share one run of it. */
export function commandPasswords(
  { env, log }: Pick<RunContext, "env" | "log">,
  { passwordCommand: command = "", label }: Pick<Settings, "passwordCommand" | "label">,
  { host, port }: Pick<DatabaseEndpoint, "host" | "port">,
): PasswordProvider {
  const running = new Map<string, Promise<string>>();
  const keepOut = recentSecrets(log.addSecret, SECRETS_KEPT);
  const run = async ({ user, database: dbname }: DatabaseUser): Promise<string> => {
    const variables = passwordEnvironment(env, { target: label, host, port, user, dbname });
    const password = await runPasswordCommand({ command, env: variables });
    keepOut(password);
    return password;
  };
  const get: PasswordProvider["get"] = async (who) => {
    const key = `${who.user}\0${who.database}`;
    const made = running.get(key) ?? run(who).finally(() => running.delete(key));
    running.set(key, made);
    return { password: await made, reused: false };
  };
  return { kind: "password", get };
}

/** The database and the user of a login, in one line for people. */
export function describeLogin({ settings, ...login }: Login): string {
  const { host, port } = settings;
  const server = port === SETTINGS.port.default ? host : `${host}:${port}`;
  if (login.kind === "pass-through") return `${server}, logins are passed through`;
  const { user, dbname = "" } = login;
  const who = user === undefined ? "" : `${user} on `;
  return `${who}${server}/${dbname}${settings.readOnly ? ", read-only" : ""}`;
}

/** When credentials end, as the end of a line. */
export function untilText({ expiration }: Credentials): string {
  return expiration === undefined ? "" : `, valid until ${expiration.toISOString()}`;
}
