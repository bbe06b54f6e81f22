// Whether a proxy that stays open is well, as Kubernetes and its like ask: has it started, can it take a session, is it
// alive. The words are those of cloud-sql-proxy, whose probes people have in their manifests.
// https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
import { type BuildInfo, createMetrics, type Measured, type TargetMetrics } from "./metrics.ts";
import { atMost } from "../base/deadline.ts";
import type { HostPort } from "../base/host-port.ts";
import { serveProbes } from "./server.ts";

const CREDENTIALS_CHECK = 10_000; // ms between two looks; probes may come every second, and a look may ask AWS
const CHECK_TIMEOUT = 800; // ms; a probe's own default timeout is 1 s

/** The proxy of one target. */
export interface Watched extends Measured {
  /** Rejects when no credentials can be had; asked now and then, as long as probes come. */
  readonly credentials: () => Promise<unknown>;
}

/** What answers the probes. */
export interface Health extends AsyncDisposable {
  readonly port: number;
  /** Takes in the proxy of a target, before it listens. */
  readonly watch: (proxy: Watched) => TargetMetrics;
  /** Every proxy listens, and each target's first credentials are there. */
  readonly started: () => void;
  /** No new session is taken any more. */
  readonly draining: () => void;
}

/** Starts to answer; rejects with ERR_CONNECT when the port cannot be had. */
export async function startHealth(
  address: HostPort,
  build: BuildInfo,
  now: () => number = Date.now,
): Promise<Health> {
  const metrics = createMetrics(build, now);
  const proxies: ProxyHealth[] = [];
  let state: "starting" | "serving" | "draining" = "starting";
  const reasons = async (): Promise<string[]> => {
    if (state !== "serving") return [state];
    return (await Promise.all(proxies.map((proxy) => proxy.reasons()))).flat();
  };
  const isStarting = (): boolean => state === "starting";
  const server = await serveProbes(address, { isStarting, reasons, metrics });
  return {
    port: server.port,
    watch: (proxy) => {
      proxies.push(new ProxyHealth(proxy, now));
      return metrics.add(proxy);
    },
    started: () => {
      if (state === "starting") state = "serving";
    },
    draining: () => {
      state = "draining";
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

class ProxyHealth {
  readonly #proxy: Watched;
  #credentials = true;
  #looking: Promise<void> | undefined;
  readonly #now: () => number;
  #lookedAt: number;

  constructor(proxy: Watched, now: () => number) {
    this.#proxy = proxy;
    this.#now = now;
    this.#lookedAt = now();
  }

  /** Why no session can be had now; none when it can. */
  async reasons(): Promise<string[]> {
    const { target, figures } = this.#proxy;
    const { sessions, maxSessions } = figures();
    const reasons: string[] = [];
    if (sessions >= maxSessions) reasons.push(`${target}: ${sessions} of ${maxSessions} sessions`);
    if (!(await this.#hasCredentials())) reasons.push(`${target}: no credentials`);
    return reasons;
  }

  // A look that takes longer than a probe waits is counted when it ends.
  async #hasCredentials(): Promise<boolean> {
    if (this.#now() - this.#lookedAt >= CREDENTIALS_CHECK) this.#looking ??= this.#look();
    if (this.#looking !== undefined) await atMost(CHECK_TIMEOUT, this.#looking);
    return this.#credentials;
  }

  async #look(): Promise<void> {
    this.#credentials = await this.#proxy.credentials().then(
      () => true,
      () => false,
    );
    this.#lookedAt = this.#now();
    this.#looking = undefined;
  }
}
