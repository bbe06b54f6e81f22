// A proxy together with the way that its connections go: opened as one, closed as one, whoever does the logins.
import { type BackendEdge, type BackendPlace, openBackend } from "./backend.ts";
import type { Log } from "../base/log.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide, ProxyOptions } from "../proxy/proxy-options.ts";
import { explainPassedLogin } from "./explain-refusal.ts";
import { eventTeller } from "./report.ts";
import type { Way } from "./tunnel.ts";

/** What the process edge hands in. */
export interface ReachEdge extends BackendEdge {
  readonly log: Log;
}

/** A database, and the way there. */
export interface ReachablePlace extends BackendPlace {
  readonly openWay: () => Promise<Way>;
}

/** Who logs in, and who is told what. */
export interface ProxyPlan extends LocalSide, Pick<ProxyOptions, "ahead" | "login" | "onlyUser"> {
  /** DETAIL and HINT for a login of ours that the server refused. */
  readonly explain?: ProxyOptions["explain"];
  /** Whether a refused login is a warning: not where rdsiam runs the tool, which says it itself. */
  readonly warnsOfRefusals?: boolean | undefined;
}

/** Opens the way, and starts the proxy before it. */
export async function openReachProxy(
  edge: ReachEdge,
  place: ReachablePlace,
  { warnsOfRefusals: warns = false, explain, ...plan }: ProxyPlan,
): Promise<Proxy> {
  const { startProxy } = await import("../proxy/proxy.ts");
  const backend = await openBackend(edge, place);
  const way = await place.openWay();
  const isPassed = (user: string): boolean =>
    plan.login === "pass-through" || (plan.onlyUser !== undefined && user !== plan.onlyUser);
  const closeWay = (): PromiseLike<void> => way[Symbol.asyncDispose]();
  const tell = eventTeller(edge.log, { target: place.settings.target, warns });
  const starting = startProxy({
    ...plan,
    backend: { ...backend, ...way.backend, secret: secretOf(plan.login) },
    explain: (user, fields) =>
      isPassed(user) ? explainPassedLogin(fields) : (explain?.(user, fields) ?? {}),
    onEvent: (event) => {
      tell(event);
      plan.onEvent?.(event);
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
  return { ...proxy, [Symbol.asyncDispose]: close };
}

// What is passed through is a password too, or the proof of one.
function secretOf(login: ProxyPlan["login"]): "auth token" | "password" {
  return login !== "pass-through" && "authToken" in login ? "auth token" : "password";
}
