// The part of an open proxy that is about `--auth pass-through`: the login is left to the tool and the server, so nothing is
// signed, no credentials are asked for, and the server may be any PostgreSQL.
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide } from "../proxy/proxy-options.ts";
import { openReachProxy } from "./open-proxy.ts";
import type { RunContext } from "../base/context.ts";
import type { Settled } from "./session.ts";
import { type TypedPlace, typedPlace } from "./typed-place.ts";

/** A server whose logins are not ours; the counterpart of an Access. */
export interface PassThrough extends TypedPlace {
  /** Undefined where nobody has named one: the tool does. */
  readonly user: string | undefined;
  readonly dbname: string | undefined;
}

/** Resolves a target as far as one can without connecting. */
export async function openPassThrough(context: RunContext, settled: Settled): Promise<PassThrough> {
  const { user, dbname = user } = settled.settings;
  return { ...(await typedPlace(context, settled)), user, dbname };
}

/** Starts the proxy of a server whose logins are not ours. */
export function openPassThroughProxy(
  context: RunContext,
  server: PassThrough,
  local: LocalSide,
): Promise<Proxy> {
  return openReachProxy(context, server, {
    ...local,
    login: "pass-through",
    warnsOfRefusals: true,
  });
}
