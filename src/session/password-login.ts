// The part of a session that is about --password-command: rdsiam logs in, with a password that a command prints for each
// login instead of an auth token. Nothing of AWS is asked for, and the server may be any PostgreSQL.
import { passwordEnvironment, runPasswordCommand } from "../tool/password-command.ts";
import { requireUser, type Settings } from "../config/settings.ts";
import type { Who } from "../proxy/backend-session.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { openReachProxy } from "./open-proxy.ts";
import { recentSecrets } from "../base/redact.ts";
import { explainPasswordRefusal } from "./explain-refusal.ts";
import type { RunContext } from "../base/context.ts";
import { type OpenProxyOptions, type Settled } from "./session.ts";
import { type TypedPlace, typedPlace } from "./typed-place.ts";

const KEPT_OUT = 100; // passwords that the log strikes out: a proxy that runs for months may see a new one with each login

/** Everything that a login with a password needs; the counterpart of an Access. */
export interface PasswordAccess extends TypedPlace {
  /** Undefined where nobody has named one: the tool does. */
  readonly user: string | undefined;
  readonly dbname: string | undefined;
  /** For people; gets what the way needs of AWS. */
  readonly identify: () => Promise<string>;
  /** Runs the command for a login. */
  readonly password: (who: Who) => Promise<string>;
}

/** Resolves a target with a password command as far as one can without connecting. */
export async function openPasswordAccess(
  context: RunContext,
  settled: Settled,
): Promise<PasswordAccess> {
  const place = await typedPlace(context, settled);
  const { user, dbname = user } = settled.settings;
  const identify = async (): Promise<string> => {
    const source = await place.identify();
    return `a password command${source === undefined ? "" : `, ${source}`}`;
  };
  return { ...place, identify, user, dbname, password: passwordSource(context, place) };
}

/** The same for a tool that has to be told its user. */
export async function openPasswordAccessForTool(
  context: RunContext,
  settled: Settled,
): Promise<PasswordAccess & { readonly user: string; readonly dbname: string }> {
  const user = requireUser(settled.settings);
  const access = await openPasswordAccess(context, settled);
  return { ...access, user, dbname: access.dbname ?? user };
}

/** Whose passwords a command is to print, and which command it is. */
export interface PasswordPlace extends Pick<TypedPlace, "host" | "port"> {
  readonly settings: Pick<Settings, "passwordCommand" | "target">;
}

/** Makes passwords by a place's command; logins of one user at the same moment share one run of it. */
export function passwordSource(
  { env, log }: Pick<RunContext, "env" | "log">,
  { settings, host, port }: PasswordPlace,
): PasswordAccess["password"] {
  const { passwordCommand: command = "", target } = settings;
  const running = new Map<string, Promise<string>>();
  const keepOut = recentSecrets(log.addSecret, KEPT_OUT);
  const run = async ({ user, database: dbname }: Who): Promise<string> => {
    const wish = { target, host, port, user, dbname };
    const password = await runPasswordCommand({ command, env: passwordEnvironment(env, wish) });
    keepOut(password);
    return password;
  };
  return (who) => {
    const key = `${who.user}\0${who.database}`;
    const made = running.get(key) ?? run(who).finally(() => running.delete(key));
    running.set(key, made);
    return made;
  };
}

/** Starts the proxy of a target whose logins have a command's passwords. */
export function openPasswordProxy(
  context: RunContext,
  access: PasswordAccess,
  local: OpenProxyOptions,
): Promise<Proxy> {
  return openReachProxy(context, access, {
    ...local,
    ahead: true,
    login: { password: access.password },
    explain: (_user, fields) => explainPasswordRefusal(fields),
  });
}
