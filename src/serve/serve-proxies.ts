// The part of `rdsiam proxy` that waits for the end. The first signal lets sessions end by themselves, as PostgreSQL's smart
// shutdown does; the second ends them. https://www.postgresql.org/docs/current/server-shutdown.html
import { constants } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { countText } from "../base/count.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { keepYoungSmall } from "../runtime/garbage.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { StopSignals } from "../runtime/stop-signals.ts";

const MOMENT = 200; // ms

/** What is served, and until when. */
export interface Serving {
  readonly proxies: readonly Proxy[];
  readonly signals: StopSignals;
  readonly log: Log;
  /** Called when no new session is taken any more. */
  readonly draining: () => void;
}

/** Serves until a signal and the end of the last session, or a second signal; resolves with the exit status. */
export async function serveProxies(serving: Serving): Promise<number> {
  const { proxies, signals, log } = serving;
  keepYoungSmall();
  const failed = Promise.race(proxies.map(listenerFailed));
  const signal = await Promise.race([signals.first, failed]);
  serving.draining();
  const drained = Promise.all(proxies.map((proxy) => proxy.drain()));
  // A session whose tool has just gone is not worth a message.
  await Promise.race([drained, signals.second, delay(MOMENT)]);
  const open = proxies.reduce((sum, proxy) => sum + proxy.sessions(), 0);
  if (open > 0) {
    const what = countText(open, "session");
    log.always(`rdsiam: ${signal}: waiting for ${what} to end; a second signal ends them now`);
  }
  const second = await Promise.race([drained.then(() => undefined), signals.second, failed]);
  return second === undefined ? 0 : 128 + constants.signals[second];
}

async function listenerFailed({ failed, host, port }: Proxy): Promise<never> {
  const cause = await failed;
  throw new RdsIamError(`the proxy on ${host} port ${port} stopped`, {
    code: "ERR_INTERNAL",
    detail: `${cause.message}.`,
    cause,
  });
}
