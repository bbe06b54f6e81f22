// The part of `rdsiam proxy` that opens: a proxy for each target, all of them or none. Everything that may ask the person
// something comes first, one target after the other. From then on the terminal is not asked any more, although no tool has
// it: in the background, a question on it would stop the whole program and every session with it.
import { RdsIamError } from "../base/errors.ts";
import type { Health } from "../health/health.ts";
import { type LocalWish, prepareLocalSide } from "./local-side.ts";
import type { Proxy } from "../proxy/proxy.ts";
import type { LocalSide } from "../proxy/proxy-options.ts";
import { type ProxiedServer, serverOf } from "./proxied-server.ts";
import type { RunContext } from "../base/context.ts";
import { type AccessRequest, settle } from "../session/session.ts";
import { sayingOnce } from "../base/log.ts";

const MAX_SESSIONS = 100; // of each target, where nobody says otherwise

/** A proxy that is open, and who and what it is for. */
export interface OpenedProxy extends AsyncDisposable {
  readonly target: string;
  /** Empty where nobody has named one. */
  readonly user: string;
  readonly dbname: string;
  readonly proxy: Proxy;
}

/** How proxies are opened. */
export interface OpenPlan {
  readonly wish: LocalWish;
  readonly health: Health | undefined;
}

/** Opens a proxy for each target; rejects when one cannot be opened, and has closed the others then. */
export async function openProxies(
  context: RunContext,
  requests: readonly AccessRequest[],
  { wish, health }: OpenPlan,
): Promise<readonly OpenedProxy[]> {
  const once = { ...context, log: sayingOnce(context.log) };
  const sideFor = await prepareLocalSide(context.log, wish);
  const servers: ProxiedServer[] = [];
  for (const request of requests)
    servers.push(await serverOf({ context, once }, await settle(once, request), wish));
  refuseTwins(servers);
  const identities: (string | undefined)[] = [];
  for (const server of servers) identities.push(await server.identify());
  for (const server of servers) server.giveTerminalAway();
  const opened: OpenedProxy[] = [];
  try {
    for (const [index, server] of servers.entries()) {
      const { side, listening, close } = await sideFor(index, server.localPort);
      const proxy = await open(server, { side, health });
      const dispose = async (): Promise<void> => {
        await proxy[Symbol.asyncDispose]();
        await close();
      };
      const { target, user, dbname } = server;
      opened.push({ target, user, dbname, proxy, [Symbol.asyncDispose]: dispose });
      await listening();
      const identity = identities[index];
      const source = identity === undefined ? "" : `, ${identity}`;
      context.log.notice(`${target}: ${server.place}${source}`);
    }
  } catch (error) {
    await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()));
    throw error;
  }
  return opened;
}

async function open(
  server: ProxiedServer,
  { side, health }: { readonly side: LocalSide; readonly health: Health | undefined },
): Promise<Proxy> {
  const listening: { proxy?: Proxy } = {};
  const metrics = health?.watch({
    target: server.target,
    figures: () => ({
      sessions: listening.proxy?.sessions() ?? 0,
      maxSessions: side.maxSessions ?? MAX_SESSIONS,
      frontendBytes: listening.proxy?.traffic().frontendBytes ?? 0,
      backendBytes: listening.proxy?.traffic().backendBytes ?? 0,
    }),
    credentials: server.identify,
  });
  const onEvent = metrics?.note ?? (() => {});
  const onToken = metrics?.tokenSigned ?? (() => {});
  return (listening.proxy = await server.open({ ...side, onEvent }, onToken));
}

function refuseTwins(servers: readonly ProxiedServer[]): void {
  const names = servers.map(({ target }) => target);
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin === undefined) return;
  throw new RdsIamError(`target "${twin}" is named twice`, {
    code: "ERR_USAGE",
    hint: "One proxy serves as many sessions as --max-connections says.",
  });
}
