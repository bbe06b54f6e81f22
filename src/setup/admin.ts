// The administrator's login of rdsiam setup: the master user's secret, another target, a password command, or IAM where the
// database knows nothing else.
import type { DatabaseResource } from "../aws/database-resource.ts";
import type { RunContext } from "../base/context.ts";
import { DSQL_ADMIN } from "../base/dsql.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { requireUser } from "../config/settings.ts";
import { AUTO_SECRET } from "../config/targets.ts";
import {
  iamLogin,
  type IamLogin,
  openLogin,
  passwordLogin,
  type PasswordLogin,
  secretLogin,
} from "../session/login.ts";
import { resolveRun } from "../session/resolve-run.ts";
import { openSecret } from "../session/secret.ts";
import { loginWords } from "../session/settings.ts";
import type { OptionValues, SettingName } from "../config/keys.ts";

const MASTER = "postgres"; // what RDS suggests, where the API does not tell

/** How the administrator logs in; at most one is given. */
export interface AdminOptions {
  readonly secret?: string | undefined;
  readonly target?: string | undefined;
  readonly passwordCommand?: string | undefined;
}

/** An administrator's login. */
export interface AdminLogin {
  readonly login: IamLogin | PasswordLogin;
  readonly user: string;
  /** What it is logged in with, for people. */
  readonly how: string;
  /** The words behind `rdsiam psql` that open the same session; psql's own come behind a `--`. */
  readonly words: string;
}

/** Whose administrator logs in. */
export interface AdminRequest {
  readonly login: IamLogin;
  /** The database in the RDS API. */
  readonly resource: DatabaseResource | undefined;
  /** Why that is not known. */
  readonly why: string | undefined;
  /** The options of the run. */
  readonly options: OptionValues;
}

/** Opens the administrator's login to the database of a user's login. */
export async function openAdmin(
  context: RunContext,
  request: AdminRequest,
  options: AdminOptions,
): Promise<AdminLogin> {
  const { login, resource, why } = request;
  const given = Object.values(options).filter((value) => value !== undefined);
  if (given.length > 1) {
    throw new RdsIamError(
      "--admin-secret, --admin-target and --admin-password-command cannot be combined",
      { code: "ERR_USAGE", hint: "Leave all but one of them out." },
    );
  }
  const { secret, target, passwordCommand } = options;
  if (target !== undefined) return ofTarget(context, login, target);
  if (passwordCommand !== undefined) return ofCommand(context, request, passwordCommand);
  if (secret !== undefined) return ofSecret(context, request, secret);
  if (login.endpoint.kind === "dsql") return ofIam(context, request, DSQL_ADMIN);
  if (resource?.isExpress === true) return ofIam(context, request, resource.masterUser ?? MASTER);
  if (resource?.masterSecret) return ofSecret(context, request, AUTO_SECRET);
  throw new RdsIamError(`no administrator's login for "${login.settings.label}"`, {
    code: "ERR_USAGE",
    detail:
      resource === undefined
        ? `The RDS API did not return the database, so its master user's secret is not known${why === undefined ? "" : `: ${why}`}.`
        : "RDS does not manage its master user's password in Secrets Manager.",
    hint: "Add --admin-secret ARN, --admin-target TARGET or --admin-password-command CMD.",
  });
}

async function ofTarget(
  context: RunContext,
  { endpoint, settings }: IamLogin,
  targetName: string,
): Promise<AdminLogin> {
  const admin = await openLogin(context, await resolveRun(context, { targetName, options: {} }));
  if (admin.kind === "pass-through") throw new TypeError("nothing was passed through");
  const { host } = admin.endpoint;
  if (host !== endpoint.host && !endpoint.hops.includes(host)) {
    throw new RdsIamError(`"${targetName}" is not the same database as "${settings.label}"`, {
      code: "ERR_USAGE",
      detail: `They are ${host} and ${endpoint.host}.`,
      hint: "--admin-target names a target with the same host, and a user that may create roles.",
    });
  }
  const user = requireUser(admin.settings);
  return { login: admin, user, how: `target "${targetName}"`, words: shellCommand`${targetName}` };
}

// User and database are the administrator's.
function wordsOf({ login, options }: AdminRequest, ...without: readonly SettingName[]): string {
  return loginWords(login, options, "psql", ["user", "dbname", ...without]);
}

async function ofSecret(
  context: RunContext,
  request: AdminRequest,
  name: string,
): Promise<AdminLogin> {
  const { login, resource } = request;
  checkAlias(login, resource);
  const { credentials, endpoint, loaded, via } = login;
  const settings = { ...login.settings, secret: name };
  const reader = { credentials: () => credentials, endpoint };
  const secret = openSecret(context, { loaded, settings }, reader);
  const { username = resource?.masterUser ?? MASTER } = await secret.value();
  const run = { loaded, via, settings: { ...settings, user: username } };
  return {
    login: secretLogin(run, endpoint, { secret, credentials }),
    user: username,
    how: name === AUTO_SECRET ? "the master user's secret" : `the secret ${name}`,
    words: `${shellCommand`--secret ${name} -U ${username}`} ${wordsOf(request)}`,
  };
}

function ofCommand(
  context: RunContext,
  request: AdminRequest,
  passwordCommand: string,
): AdminLogin {
  const { login, resource } = request;
  checkAlias(login, resource);
  const user = resource?.masterUser ?? MASTER;
  const settings = { ...login.settings, passwordCommand, user };
  return {
    login: passwordLogin(context, { ...login, settings }, login.endpoint),
    user,
    how: "a password command",
    words: `${shellCommand`--sign-host ${login.endpoint.host} -U ${user}`} --password-command "$RDSIAM_ADMIN_PASSWORD_COMMAND" ${wordsOf(request, "signHost")}`,
  };
}

function ofIam(context: RunContext, request: AdminRequest, user: string): AdminLogin {
  const { login } = request;
  const { credentials, endpoint, loaded, need, via } = login;
  const run = { loaded, via, settings: { ...login.settings, user } };
  return {
    login: iamLogin(context, run, endpoint, { credentials, need }),
    user,
    how: "IAM",
    words: `${shellCommand`-U ${user}`} ${wordsOf(request)}`,
  };
}

// A password goes there: DNS must not choose whose database it is, but for one of the account's own.
function checkAlias(
  { endpoint, settings }: IamLogin,
  resource: DatabaseResource | undefined,
): void {
  const isTyped = endpoint.hops.length < 2 || settings.signHost !== undefined;
  if (isTyped || resource?.isOwnEndpoint === true) return;
  throw new RdsIamError(`the administrator's password does not follow ${settings.host} by DNS`, {
    code: "ERR_ENDPOINT",
    detail: `It resolves to ${endpoint.host}, which the RDS API does not list as a database of this account.`,
    hint: `Name the endpoint itself, if it is the right one: --host ${endpoint.host}`,
  });
}
