// Opens a proxy for each target of `rdsiam proxy`, all of them or none. Every question at the terminal comes first, one target
// after the other. From then on the terminal is not asked any more, although no tool has it: in the background, a question on
// it would stop the whole program and every session with it.
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { loggingOnce } from "../base/log.ts";
import type { LoadedTargets } from "../config/targets.ts";
import type { Health } from "../health/health.ts";
import type { Proxy } from "../proxy/proxy.ts";
import { describeLogin, type Login, openLogin } from "../session/login.ts";
import { openProxy } from "../session/open-proxy.ts";
import { resolveRun } from "../session/resolve-run.ts";
import type { TargetRequest } from "../session/settings.ts";
import { type LocalOptions, type OwnSide, prepareLocalSide } from "./local-side.ts";

/** A proxy that is open, and the login that it is for. */
export interface OpenedProxy extends AsyncDisposable {
  readonly login: Login;
  readonly proxy: Proxy;
}

/** How proxies are opened. */
export interface OpenProxiesOptions {
  readonly local: LocalOptions;
  readonly health: Health | undefined;
}

/** Opens a proxy for each target; rejects when one cannot be opened, and has closed the others then. */
export async function openProxies(
  context: RunContext,
  requests: readonly TargetRequest[],
  { local, health }: OpenProxiesOptions,
): Promise<readonly OpenedProxy[]> {
  const sideFor = await prepareLocalSide(context.log, local);
  const once = { ...context, log: loggingOnce(context.log) };
  const logins: Login[] = [];
  let loaded: LoadedTargets | undefined;
  for (const request of requests) {
    const run = await resolveRun(once, { ...request, loaded });
    ({ loaded } = run);
    const login = await openLogin(once, run, { auth: local.auth });
    if (local.matchUser) checkMatchUser(login);
    logins.push(login);
  }
  refuseRepeated(logins);
  const identities: (string | undefined)[] = [];
  for (const login of logins) identities.push(await login.identify());
  context.terminal.giveAway();
  const opened: OpenedProxy[] = [];
  try {
    for (const [index, login] of logins.entries()) {
      const { side, listening, close } = await sideFor(index, login.settings.localPort);
      const onlyUser = local.matchUser ? login.user : undefined;
      const proxy = await open(context, login, { side, onlyUser, health });
      const dispose = async (): Promise<void> => {
        await proxy[Symbol.asyncDispose]();
        await close();
      };
      opened.push({ login, proxy, [Symbol.asyncDispose]: dispose });
      await listening();
      const others = onlyUser === undefined ? "" : ", other users log in themselves";
      const source = identities[index] === undefined ? "" : `, ${identities[index]}`;
      context.log.notice(
        `${login.settings.label}: ${describeLogin(login)}${others}${source}`,
        {},
        login.settings.color,
      );
    }
  } catch (error) {
    await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    throw error;
  }
  return opened;
}

interface OpenOptions {
  readonly side: OwnSide["side"];
  readonly onlyUser: string | undefined;
  readonly health: Health | undefined;
}

async function open(
  context: RunContext,
  login: Login,
  { side, onlyUser, health }: OpenOptions,
): Promise<Proxy> {
  const opened: { proxy?: Proxy } = {};
  const metrics = health?.watch({
    target: login.settings.label,
    figures: () => ({
      sessions: opened.proxy?.sessions() ?? 0,
      maxSessions: side.maxSessions,
      frontendBytes: opened.proxy?.traffic().frontendBytes ?? 0,
      backendBytes: opened.proxy?.traffic().backendBytes ?? 0,
    }),
    credentials: login.identify,
  });
  return (opened.proxy = await openProxy(context, login, {
    ...side,
    onlyUser,
    onEvent: metrics?.note ?? (() => {}),
    onToken: metrics?.tokenSigned,
    warnsOfRefusals: true,
  }));
}

// The passwords of the other users go there: DNS must not choose whose certificate is accepted.
function checkMatchUser({ endpoint, settings, user }: Login): void {
  if (user === undefined) {
    throw new RdsIamError(`--match-user has no user to match for "${settings.label}"`, {
      code: "ERR_TARGET",
      hint: "Add --user USER, or set rds_user in the target's profile.",
    });
  }
  const { hops, host } = endpoint;
  if (settings.signHost !== undefined || hops.length < 2) return;
  throw new RdsIamError(`--match-user does not follow ${settings.host} by DNS`, {
    code: "ERR_ENDPOINT",
    detail:
      "Other users send their own passwords there, so DNS must not decide which server that is.",
    hint: `Name the RDS endpoint itself: --host ${host}, or --sign-host ${host} beside it.`,
  });
}

function refuseRepeated(logins: readonly Login[]): void {
  const names = logins.map(({ settings }) => settings.label);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new RdsIamError(`target "${twice}" is named twice`, {
    code: "ERR_USAGE",
    hint: "One proxy serves up to --max-connections sessions.",
  });
}
