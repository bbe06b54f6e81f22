// The part of an open proxy that is about who logs in to the server: rdsiam with auth tokens, rdsiam with the passwords of a
// command, or the tool itself; and with --match-user rdsiam for one user, the tool itself for all others.
import type { Settings } from "../config/settings.ts";
import { RdsIamError } from "../base/errors.ts";
import type { LocalWish } from "./local-side.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide } from "../proxy/proxy-options.ts";
import type { RunContext } from "../base/context.ts";
import { type Access, accessTo, openProxy, type Settled } from "../session/session.ts";

/** A database server that a proxy can be opened for. */
export interface ProxiedServer {
  readonly target: string;
  readonly localPort: number | undefined;
  readonly user: string;
  readonly dbname: string;
  /** For people. */
  readonly place: string;
  /** Gets the credentials, where any are needed; resolves with what they are, for people. */
  readonly identify: () => Promise<string | undefined>;
  readonly giveTerminalAway: () => void;
  readonly open: (local: LocalSide, onToken: () => void) => Promise<Proxy>;
}

/** The context, and one that says each warning of the configuration once. */
export interface Contexts {
  readonly context: RunContext;
  readonly once: RunContext;
}

/** The server of a target, as the local side wants its logins done. */
export function serverOf(
  contexts: Contexts,
  settled: Settled,
  wish: Pick<LocalWish, "isIam" | "matchUser" | "passThrough">,
): Promise<ProxiedServer> {
  if (wish.passThrough) return passThrough(contexts, settled);
  const onlyUser = wish.matchUser ? userToMatch(settled) : undefined;
  return wish.isIam || settled.settings.passwordCommand === undefined
    ? iam(contexts, settled, onlyUser)
    : byCommand(contexts, settled, onlyUser);
}

async function iam(
  { context, once }: Contexts,
  settled: Settled,
  onlyUser: string | undefined,
): Promise<ProxiedServer> {
  const access = await accessTo(once, settled);
  const { settings, user, dbname, host, port, giveTerminalAway } = access;
  if (onlyUser !== undefined) refuseAlias(access);
  return {
    target: settings.target,
    localPort: settings.localPort,
    user,
    dbname,
    place: `${user} on ${host}:${port}/${dbname}${modeOf(settings, onlyUser)}`,
    identify: async () => (await access.credentials()).source,
    giveTerminalAway,
    open: (local, onToken) =>
      openProxy(context, access, { ...local, onlyUser, onToken, warnsOfRefusals: true }),
  };
}

async function byCommand(
  { context, once }: Contexts,
  settled: Settled,
  onlyUser: string | undefined,
): Promise<ProxiedServer> {
  const { openPasswordAccess, openPasswordProxy } = await import("../session/password-login.ts");
  const access = await openPasswordAccess(once, settled);
  const { settings, user = "", dbname = "", host, identify, giveTerminalAway } = access;
  const who = user === "" ? "" : `${user} on `;
  return {
    target: settings.target,
    localPort: settings.localPort,
    user,
    dbname,
    place: `${who}${host}:${settings.port}/${dbname}${modeOf(settings, onlyUser)}`,
    identify,
    giveTerminalAway,
    open: (local) =>
      openPasswordProxy(context, access, { ...local, onlyUser, warnsOfRefusals: true }),
  };
}

async function passThrough({ context, once }: Contexts, settled: Settled): Promise<ProxiedServer> {
  const { openPassThrough, openPassThroughProxy } = await import("../session/pass-through.ts");
  const server = await openPassThrough(once, settled);
  const { settings, host, user = "", dbname = "", identify, giveTerminalAway } = server;
  return {
    target: settings.target,
    localPort: settings.localPort,
    user,
    dbname,
    place: `${host}:${settings.port}, logins are passed through`,
    identify,
    giveTerminalAway,
    open: (local) => openPassThroughProxy(context, server, local),
  };
}

function modeOf({ readOnly }: Settings, onlyUser: string | undefined): string {
  const others = onlyUser === undefined ? "" : ", other users log in by themselves";
  return `${readOnly ? ", read-only" : ""}${others}`;
}

function userToMatch({ settings }: Settled): string {
  if (settings.user !== undefined) return settings.user;
  throw new RdsIamError(`--match-user has no user to match for "${settings.target}"`, {
    code: "ERR_TARGET",
    hint: "Add --user USER, or set rds_user in the target's profile.",
  });
}

// The passwords of the other users go there: DNS must not choose whose certificate counts.
function refuseAlias({ hops, host, settings }: Access): void {
  if (settings.signHost !== undefined || hops.length < 2) return;
  throw new RdsIamError(`--match-user does not follow ${settings.host} by DNS`, {
    code: "ERR_ENDPOINT",
    detail: "Other users send their own passwords there, so DNS must not say who the server is.",
    hint: `Name the RDS endpoint itself: --host ${host}, or --sign-host ${host} beside it.`,
  });
}
