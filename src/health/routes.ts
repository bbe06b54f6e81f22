// What a service that stays open answers to probes and to Prometheus, whatever it serves.
import type { HttpAnswer, Routes } from "./server.ts";

/** A service that is watched. */
export interface WatchedService {
  readonly isStarting: () => boolean;
  /** Why it can take no more for now; nothing when it can. */
  readonly reasons: () => readonly string[] | Promise<readonly string[]>;
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
}

/** The routes for /startup, /readiness, /liveness and /metrics. */
export function serviceRoutes({ isStarting, metrics, reasons }: WatchedService): Routes {
  return {
    "/startup": () => probe(isStarting() ? ["starting"] : []),
    "/readiness": async () => probe(await reasons()),
    "/liveness": () => probe([]),
    "/metrics": async () => ({
      status: 200,
      contentType: metrics.contentType,
      body: await metrics.text(),
    }),
  };
}

function probe(reasons: readonly string[]): HttpAnswer {
  if (reasons.length === 0) return { status: 200, body: "ok\n" };
  return { status: 503, body: `${reasons.join("\n")}\n` };
}
