// Opens the proxy of a login together with its tunnel; both are closed as one.
import type { RunContext } from "../base/context.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide, ProxyOptions } from "../proxy/proxy-options.ts";
import { openBackend } from "./backend.ts";
import { explainPassedLogin } from "./explain-refusal.ts";
import type { Login } from "./login.ts";
import { proxyEventLogger } from "./proxy-events.ts";
import { openTunnel } from "./tunnel.ts";

/** How a proxy is opened: its local side, and what it reports. */
export interface OpenProxyOptions extends LocalSide {
  /** The one user that rdsiam logs in; all others log in by themselves. */
  readonly onlyUser?: string | undefined;
  /** Whether a refused login is a warning: not where rdsiam runs the tool, which reports it itself. */
  readonly warnsOfRefusals?: boolean | undefined;
  /** A new auth token was signed. */
  readonly onToken?: (() => void) | undefined;
}

/** Opens the tunnel, and starts the proxy in front of it. */
export async function openProxy(
  context: RunContext,
  login: Login,
  { warnsOfRefusals: warns = false, onToken, onlyUser, ...local }: OpenProxyOptions,
): Promise<Proxy> {
  const { startProxy } = await import("../proxy/proxy.ts");
  const backend = await openBackend(context, login);
  // Without a tool, whose start would hide how long it takes to parse the user's certificates, that is done at once.
  if (warns && login.settings.sslrootcert !== undefined) await backend.verification();
  const tunnel = await openTunnel(context, login);
  const closeTunnel = (): PromiseLike<void> => tunnel[Symbol.asyncDispose]();
  const isPassed = (user: string): boolean => onlyUser !== undefined && user !== onlyUser;
  const logEvent = proxyEventLogger(context.log, { target: login.settings.label, warns });
  const starting = startProxy({
    ...local,
    onlyUser,
    ahead: login.kind !== "pass-through",
    // What is passed through is a password too, or the proof of one.
    backend: {
      ...backend,
      ...tunnel.backend,
      secret: login.kind === "pass-through" ? "password" : login.passwords.kind,
    },
    login: passwordsOf(login, onToken),
    redact: context.log.strike,
    explain: (user, refusal) =>
      isPassed(user) ? explainPassedLogin(refusal) : login.explain(user, refusal),
    onEvent: (event) => {
      logEvent(event);
      if (event.kind === "login") login.endpoint.remember();
      local.onEvent?.(event);
    },
  });
  const proxy = await starting.catch(async (error: unknown) => {
    await closeTunnel();
    throw error;
  });
  const close = async (): Promise<void> => {
    await proxy[Symbol.asyncDispose]();
    await closeTunnel();
  };
  return { ...proxy, [Symbol.asyncDispose]: close };
}

function passwordsOf(login: Login, onToken: () => void = () => {}): ProxyOptions["login"] {
  if (login.kind === "pass-through") return "pass-through";
  const { kind, get } = login.passwords;
  if (kind === "password") return login.passwords;
  return {
    kind,
    get: async (who, options) => {
      const issued = await get(who, options);
      if (!issued.reused) onToken();
      return issued;
    },
  };
}
