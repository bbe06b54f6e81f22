// The figures of a relay, in Prometheus' text form.
// https://prometheus.io/docs/practices/naming/
import { Counter, Gauge, Registry } from "prom-client";
import type { BuildInfo } from "../health/metrics.ts";

/** What a relay answers when it is asked. */
export interface RelayFigures {
  readonly sessions: number;
  readonly maxSessions: number;
  readonly targets: number;
  /** When the last search that found everything ended, in ms since 1970; undefined where nothing is searched for. */
  readonly discoveredAt: number | undefined;
}

/** Takes note of what happens in a relay. */
export interface RelayMetrics {
  readonly opened: () => void;
  readonly closed: (traffic: { readonly sent: number; readonly received: number }) => void;
  /** `word` is one of a fixed set. */
  readonly refused: (word: string) => void;
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** Starts to count. */
export function createRelayMetrics(
  build: BuildInfo,
  figures: () => RelayFigures,
  words: readonly string[],
): RelayMetrics {
  const registry = new Registry();
  const counter = (name: string, help: string): Counter =>
    new Counter({ name, help, registers: [registry] });
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
    help: "Requests that were refused; the reason is the word that the client is told.",
    labelNames: ["reason"],
    registers: [registry],
  });
  for (const reason of words) refused.inc({ reason }, 0);
  addFigures(registry, figures);
  addBuild(registry, build);
  return {
    opened: () => opened.inc(),
    closed: (traffic) => {
      sent.inc(traffic.sent);
      received.inc(traffic.received);
    },
    refused: (reason) => refused.inc({ reason }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

function addFigures(registry: Registry, figures: () => RelayFigures): void {
  const gauge = (name: string, help: string, value: () => number): void => {
    const collect = function collect(this: Gauge): void {
      this.set(value());
    };
    new Gauge({ name, help, registers: [registry], collect });
  };
  gauge("rdsiam_relay_sessions", "Sessions in progress.", () => figures().sessions);
  gauge("rdsiam_relay_sessions_max", "How many there may be.", () => figures().maxSessions);
  gauge("rdsiam_relay_targets", "Databases on the list.", () => figures().targets);
  gauge(
    "rdsiam_relay_discovery_timestamp_seconds",
    "When the last search that found everything ended.",
    () => (figures().discoveredAt ?? 0) / 1_000,
  );
}

function addBuild(registry: Registry, { version, runtime }: BuildInfo): void {
  new Gauge({
    name: "rdsiam_build_info",
    help: "Which rdsiam runs on what; always 1.",
    labelNames: ["version", "runtime"],
    registers: [registry],
  }).set({ version, runtime }, 1);
}
