// What a relay answers to probes and to Prometheus. Loaded only with --health-port.
// https://prometheus.io/docs/practices/naming/

import { Counter, Gauge, Registry } from "prom-client";
import type { HostPort } from "../base/host-port.ts";
import { runtimeName, VERSION } from "../base/version.ts";
import { serveProbes } from "../health/server.ts";
import type { RelayEvent } from "./events.ts";
import { REFUSALS } from "./refusal.ts";

/** The state of a relay. */
export interface RelayState {
  readonly phase: "starting" | "serving" | "draining";
  readonly sessions: number;
  readonly maxSessions: number;
  readonly targets: number;
  /** When the last search that found everything ended, in ms since 1970; undefined before the first. */
  readonly discoveredAt: number | undefined;
}

/** A health port that is open. */
export interface RelayHealth extends AsyncDisposable {
  readonly port: number;
  readonly note: (event: RelayEvent) => void;
}

/** Opens the health port; rejects with ERR_CONNECT when it cannot listen there. */
export async function startRelayHealth(
  address: HostPort,
  state: () => RelayState,
): Promise<RelayHealth> {
  const registry = new Registry();
  addGauges(registry, state);
  const note = countEvents(registry);
  const server = await serveProbes(address, {
    isStarting: () => state().phase === "starting",
    reasons: () => unreadyReasons(state()),
    metrics: { contentType: registry.contentType, text: () => registry.metrics() },
  });
  return {
    port: server.port,
    note,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function unreadyReasons({ phase, maxSessions, sessions }: RelayState): readonly string[] {
  if (phase !== "serving") return [phase];
  return sessions >= maxSessions ? [`${sessions} of ${maxSessions} sessions`] : [];
}

function countEvents(registry: Registry): RelayHealth["note"] {
  const registers = [registry];
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
  const opened = counter(
    "rdsiam_relay_sessions_total",
    "Connections to databases that were opened.",
  );
  const sent = counter(
    "rdsiam_relay_sent_bytes_total",
    "Bytes to databases, of sessions that ended.",
  );
  const received = counter(
    "rdsiam_relay_received_bytes_total",
    "Bytes from databases, of sessions that ended.",
  );
  const refused = new Counter({
    name: "rdsiam_relay_refused_total",
    help: "Requests that were refused; the reason is the word in the answer.",
    labelNames: ["reason"],
    registers,
  });
  for (const reason of Object.keys(REFUSALS)) refused.inc({ reason }, 0);
  const ended = new Counter({
    name: "rdsiam_relay_ended_total",
    help: "Sessions that the relay ended: a rule was removed, or they lasted too long.",
    labelNames: ["reason"],
    registers,
  });
  for (const reason of ["rule", "timeout"]) ended.inc({ reason }, 0);
  return (event) => {
    if (event.kind === "opened") opened.inc();
    if (event.kind === "refused") refused.inc({ reason: event.word });
    if (event.kind !== "closed") return;
    sent.inc(event.sent);
    received.inc(event.received);
    if (event.ended !== undefined) ended.inc({ reason: event.ended });
  };
}

function addGauges(registry: Registry, state: () => RelayState): void {
  const registers = [registry];
  const gauge = (name: string, help: string, value: () => number): void => {
    const collect = function collect(this: Gauge): void {
      this.set(value());
    };
    new Gauge({ name, help, registers, collect });
  };
  gauge("rdsiam_relay_sessions", "Sessions in progress.", () => state().sessions);
  gauge("rdsiam_relay_sessions_max", "How many there may be.", () => state().maxSessions);
  gauge("rdsiam_relay_targets", "Databases on the list.", () => state().targets);
  gauge(
    "rdsiam_relay_discovery_timestamp_seconds",
    "When the last search that found everything ended.",
    () => (state().discoveredAt ?? 0) / 1_000,
  );
  new Gauge({
    name: "rdsiam_build_info",
    help: "Which rdsiam runs on what; always 1.",
    labelNames: ["version", "runtime"],
    registers,
  }).set({ version: VERSION, runtime: runtimeName() }, 1);
}
