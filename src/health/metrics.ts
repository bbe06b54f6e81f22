// The figures of the proxies that stay open, in Prometheus' text form.
// https://prometheus.io/docs/instrumenting/exposition_formats/
import { Counter, Gauge, Registry } from "prom-client";
import { Counters, type Occurrence } from "./counters.ts";

/** What a proxy answers when it is asked. */
export interface Figures {
  /** Sessions in progress. */
  readonly sessions: number;
  /** How many of them there may be. */
  readonly maxSessions: number;
  /** Bytes that came from the tools since the start, their logins left out. */
  readonly frontendBytes: number;
  /** Bytes that came from the database. */
  readonly backendBytes: number;
}

/** The proxy of one target. */
export interface Measured {
  readonly target: string;
  readonly figures: () => Figures;
}

/** Takes note of what happens in the proxy of one target. */
export interface TargetMetrics {
  readonly note: (occurrence: Occurrence) => void;
  /** A new auth token was signed. */
  readonly tokenSigned: () => void;
}

/** The figures of all targets. */
export interface Metrics {
  readonly add: (proxy: Measured) => TargetMetrics;
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** What is running. */
export interface BuildInfo {
  readonly version: string;
  /** node, bun or deno with its version. */
  readonly runtime: string;
}

/** Starts to count. */
export function createMetrics(build: BuildInfo, now: () => number = Date.now): Metrics {
  const registry = new Registry();
  const proxies: Measured[] = [];
  const signed = new Map<string, number>();
  const counters = new Counters(registry);
  addFigures(registry, proxies);
  addTokenAges(registry, signed, now);
  const { version, runtime } = build;
  new Gauge({
    name: "rdsiam_build_info",
    help: "Which rdsiam runs on what; always 1.",
    labelNames: ["version", "runtime"],
    registers: [registry],
  }).set({ version, runtime }, 1);
  const add = (proxy: Measured): TargetMetrics => {
    const { target } = proxy;
    proxies.push(proxy);
    counters.begin(target);
    return {
      note: (occurrence) => counters.note(target, occurrence),
      tokenSigned: () => signed.set(target, now()),
    };
  };
  return { add, contentType: registry.contentType, text: () => registry.metrics() };
}

// Asked for when somebody looks, so that nothing is counted twice and a busy session pays nothing.
function addFigures(registry: Registry, proxies: readonly Measured[]): void {
  const registers = [registry];
  const labelNames = ["target"] as const;
  const gauge = (figure: "sessions" | "maxSessions", name: string, help: string): void => {
    const collect = function collect(this: Gauge<"target">): void {
      for (const { target, figures } of proxies) this.set({ target }, figures()[figure]);
    };
    new Gauge({ name, help, labelNames, registers, collect });
  };
  const counter = (figure: "frontendBytes" | "backendBytes", name: string, help: string): void => {
    const collect = function collect(this: Counter<"target">): void {
      this.reset();
      for (const { target, figures } of proxies) this.inc({ target }, figures()[figure]);
    };
    new Counter({ name, help, labelNames, registers, collect });
  };
  gauge("sessions", "rdsiam_sessions", "Sessions in progress.");
  gauge("maxSessions", "rdsiam_sessions_max", "How many sessions there may be at once.");
  counter(
    "frontendBytes",
    "rdsiam_frontend_bytes_total",
    "Bytes that came from the tools, logins left out.",
  );
  counter(
    "backendBytes",
    "rdsiam_backend_bytes_total",
    "Bytes that came from the database, logins left out.",
  );
}

function addTokenAges(
  registry: Registry,
  signed: ReadonlyMap<string, number>,
  now: () => number,
): void {
  new Gauge({
    name: "rdsiam_auth_token_age_seconds",
    help: "How long ago the newest auth token was signed; absent before the first.",
    labelNames: ["target"],
    registers: [registry],
    collect() {
      for (const [target, at] of signed) this.set({ target }, Math.max(0, now() - at) / 1_000);
    },
  });
}
