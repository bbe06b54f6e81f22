// What a relay answers to probes and to Prometheus.

import type { RelayFigures } from "./metrics.ts";
import type { RelayEvent } from "./connection.ts";
import { REFUSALS } from "./refusal.ts";
import { runtimeName, VERSION } from "../base/version.ts";

/** Where it answers, and what it tells. */
export interface RelayHealthOptions {
  readonly place: { readonly address: string; readonly port: number };
  readonly figures: () => RelayFigures;
  readonly state: () => "starting" | "serving" | "draining";
}

/** The answers of a relay that runs. */
export interface RelayHealth extends AsyncDisposable {
  readonly port: number;
  readonly note: (event: RelayEvent) => void;
}

/** Starts to answer; rejects with ERR_CONNECT when the port cannot be had. */
export async function startRelayHealth(options: RelayHealthOptions): Promise<RelayHealth> {
  const { figures, place, state } = options;
  const { createRelayMetrics } = await import("./metrics.ts");
  const { serviceRoutes } = await import("../health/routes.ts");
  const { serveRoutes } = await import("../health/server.ts");
  const build = { version: VERSION, runtime: runtimeName() };
  const metrics = createRelayMetrics(build, figures, Object.keys(REFUSALS));
  const routes = serviceRoutes({
    isStarting: () => state() === "starting",
    reasons: () => reasons(state(), figures()),
    metrics,
  });
  const server = await serveRoutes(place, routes);
  return {
    port: server.port,
    note: (event) => {
      if (event.kind === "opened") metrics.opened();
      if (event.kind === "closed") metrics.closed(event);
      if (event.kind === "refused") metrics.refused(event.word);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function reasons(
  state: ReturnType<RelayHealthOptions["state"]>,
  { maxSessions, sessions }: RelayFigures,
): readonly string[] {
  if (state !== "serving") return [state];
  return sessions >= maxSessions ? [`${sessions} of ${maxSessions} sessions`] : [];
}
