// What a relay answers to probes and to Prometheus.

import process from "node:process";
import type { RelayFigures } from "./health/relay-metrics.ts";
import type { Answer } from "./health/server.ts";
import type { RelayEvent } from "./relay/connection.ts";
import { REFUSALS } from "./relay/refusal.ts";
import { VERSION } from "./version.ts";

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
  const { createRelayMetrics } = await import("./health/relay-metrics.ts");
  const { serveRoutes } = await import("./health/server.ts");
  const build = { version: VERSION, runtime: runtimeName() };
  const metrics = createRelayMetrics(build, figures, Object.keys(REFUSALS));
  const server = await serveRoutes(place, {
    "/startup": () => probe(state() === "starting" ? ["starting"] : []),
    "/readiness": () => probe(reasons(state(), figures())),
    "/liveness": () => probe([]),
    "/metrics": async () => ({
      status: 200,
      contentType: metrics.contentType,
      body: await metrics.text(),
    }),
  });
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

function probe(because: readonly string[]): Answer {
  if (because.length === 0) return { status: 200, body: "ok\n" };
  return { status: 503, body: `${because.join("\n")}\n` };
}

function runtimeName(): string {
  const { bun, deno, node } = process.versions as NodeJS.ProcessVersions & { deno?: string };
  if (bun !== undefined) return `bun ${bun}`;
  return deno === undefined ? `node ${node}` : `deno ${deno}`;
}
