// The spine, and the only file that knows every room:
// profile -> credentials -> endpoint -> auth token -> proxy -> child.
import { type AuthTokenSource, authTokenSource } from "../aws/token-cache.ts";
import {
  type OptionValues,
  requireUser,
  resolveSettings,
  type Settings,
} from "../config/settings.ts";
import type { LoadedTargets } from "../config/targets.ts";
import { loadConfiguration } from "./configuration.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Identity, openIdentity } from "./identity.ts";
import { locate, type Place } from "./endpoint.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide } from "../proxy/proxy-options.ts";
import { openReachProxy, type ProxyPlan } from "./open-proxy.ts";
import { explainRefusals } from "./explain-refusal.ts";
import { openWay, readWay, type Way } from "./tunnel.ts";

/** Which database, and what the command line says about it. */
export interface AccessRequest {
  readonly targetName: string | undefined;
  readonly options: OptionValues;
}

/** What a run uses; nobody has been asked for anything yet. */
export interface Settled {
  /** All that the configuration says. */
  readonly loaded: LoadedTargets;
  readonly settings: Settings;
}

/** Everything that a login needs, resolved; the two sources are called late and as often as needed. */
export interface Access extends Settled, Place, Identity {
  readonly user: string;
  readonly dbname: string;
  readonly authToken: AuthTokenSource;
  /** Starts the way there; to be closed with the proxy that uses it. */
  readonly openWay: () => Promise<Way>;
}

/** Reads the configuration, and settles what a run uses. */
export async function settle(context: RunContext, request: AccessRequest): Promise<Settled> {
  const loaded = await loadConfiguration(context);
  const settings = resolveSettings({ ...request, loaded, env: context.env, home: context.home });
  return { loaded, settings };
}

/** Resolves a target that IAM logs in to; one with a password command is an ERR_TARGET. */
export async function openAccess(context: RunContext, request: AccessRequest): Promise<Access> {
  const settled = await settle(context, request);
  const { passwordCommand, target } = settled.settings;
  if (passwordCommand === undefined) return accessTo(context, settled);
  throw new RdsIamError(`the logins of "${target}" are not IAM's, so there is no auth token`, {
    code: "ERR_TARGET",
    detail: "Their password is what the password command prints.",
    hint: "It works with rdsiam psql, exec and proxy. For IAM, take rds_password_command (RDSIAM_PASSWORD_COMMAND) away.",
  });
}

/** Resolves a target as far as one can without connecting: credentials, canonical host, Region. */
export async function accessTo(
  context: RunContext,
  { loaded, settings }: Settled,
): Promise<Access> {
  const user = requireUser(settings);
  await readWay(context, settings);
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
  const access = { settings, loaded, user, dbname, ...place, ...identity, authToken };
  return { ...access, openWay: () => openWay(context, access) };
}

/** How a proxy is opened: its local side, and who is told what. */
export interface OpenProxyOptions
  extends LocalSide, Pick<ProxyPlan, "onlyUser" | "warnsOfRefusals"> {
  /** A new auth token was signed. */
  readonly onToken?: () => void;
}

/** Starts the proxy of a target on a local port. */
export function openProxy(
  context: RunContext,
  access: Access,
  { onToken, ...local }: OpenProxyOptions,
): Promise<Proxy> {
  const { host, port, region } = access;
  const refusals = explainRefusals({ host, port, region });
  return openReachProxy(context, access, {
    ...local,
    ahead: true,
    login: {
      authToken: async (user, { renew }) => {
        const made = await access.authToken(user, { renew });
        refusals.signed({ identity: made.identity, token: made });
        if (!made.reused) onToken?.();
        return { token: made.token, reused: made.reused };
      },
    },
    explain: (user, fields) => refusals.explain(user, fields),
    onEvent: (event) => {
      if (event.kind === "login") access.remember();
      local.onEvent?.(event);
    },
  });
}
