// The figures of the proxies that stay open, in Prometheus' text form.
// https://prometheus.io/docs/practices/naming/
// https://prometheus.io/docs/instrumenting/exposition_formats/
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { RdsIamError } from "../base/errors.ts";

// Seconds. A login through a near proxy takes 10 to 50 ms, most of it TLS; a throttled IAM check takes seconds.
const LOGIN_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** What happened on a connection of a proxy. */
export type Occurrence =
  | { readonly kind: "login"; readonly milliseconds: number }
  | {
      readonly kind: "refused";
      readonly error: { readonly sqlState: string };
      readonly cause: unknown;
    }
  | { readonly kind: "unauthenticated" }
  | { readonly kind: "cancel"; readonly found: boolean; readonly failed?: unknown }
  | { readonly kind: "closed" | "ignored" | "expired" };

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
  const count = createCounters(registry);
  addFigures(registry, proxies);
  new Gauge({
    name: "rdsiam_auth_token_age_seconds",
    help: "How long ago the newest auth token was signed; absent before the first.",
    labelNames: ["target"],
    registers: [registry],
    collect() {
      for (const [target, at] of signed) this.set({ target }, Math.max(0, now() - at) / 1_000);
    },
  });
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
    return { note: count(target), tokenSigned: () => signed.set(target, now()) };
  };
  return { add, contentType: registry.contentType, text: () => registry.metrics() };
}

// Counts for a target, whose counters are shown before anything has happened: a rate needs a first value.
function createCounters(registry: Registry): (target: string) => TargetMetrics["note"] {
  const counter = <Label extends string>(name: string, help: string, ...labels: Label[]) =>
    new Counter({ name, help, labelNames: ["target", ...labels], registers: [registry] });
  const logins = counter("rdsiam_logins_total", "Logins that worked.");
  const failures = counter(
    "rdsiam_login_failures_total",
    "Logins that failed; the cause is a SQLSTATE, a class of them, or a code of rdsiam's.",
    "cause",
  );
  const cancels = counter(
    "rdsiam_cancel_requests_total",
    "Cancel requests, and what became of them.",
    "result",
  );
  const unauthenticated = counter(
    "rdsiam_strangers_refused_total",
    "Connections that were closed because they did not prove the password.",
  );
  const durations = new Histogram({
    name: "rdsiam_login_duration_seconds",
    help: "How long the logins that worked took, from the tool's proof to the database's greeting.",
    labelNames: ["target"],
    buckets: LOGIN_BUCKETS,
    registers: [registry],
  });
  return (target) => {
    for (const each of [logins, unauthenticated]) each.inc({ target }, 0);
    for (const result of ["forwarded", "failed", "unknown_key"]) cancels.inc({ target, result }, 0);
    durations.zero({ target });
    return (occurrence) => {
      switch (occurrence.kind) {
        case "login":
          logins.inc({ target });
          return durations.observe({ target }, occurrence.milliseconds / 1_000);
        case "refused": {
          const cause = failureCause(occurrence.error.sqlState, occurrence.cause);
          return failures.inc({ target, cause });
        }
        case "unauthenticated":
          return unauthenticated.inc({ target });
        case "cancel": {
          const result = occurrence.failed === undefined ? "forwarded" : "failed";
          return cancels.inc({ target, result: occurrence.found ? result : "unknown_key" });
        }
        case "closed":
        case "expired":
        case "ignored":
      }
    };
  };
}

// What RDS and PostgreSQL say to a login.
const SQLSTATES = new Set([
  "28000", // invalid_authorization_specification: "PAM authentication failed"
  "28P01", // invalid_password
  "3D000", // invalid_catalog_name
  "42501", // insufficient_privilege
  "53300", // too_many_connections
  "57P01", // admin_shutdown
  "57P03", // cannot_connect_now
]);
const CLASSES = new Set(["08", "0A", "22", "28", "42", "53", "54", "55", "57", "58", "XX"]);

/**
 * The cause of a failed login: a code of rdsiam's own, a SQLSTATE of the backend's, a class of them ("57xxx"), or "other". A
 * bounded set: what a server, a user or a tool wrote never becomes a label.
 * https://prometheus.io/docs/practices/naming/#labels
 */
export function failureCause(sqlState: string, cause: unknown): string {
  if (cause instanceof RdsIamError) return cause.code;
  if (cause !== undefined) return "ERR_INTERNAL";
  if (SQLSTATES.has(sqlState)) return sqlState;
  const group = sqlState.slice(0, 2);
  return CLASSES.has(group) && /^[0-9A-Z]{5}$/.test(sqlState) ? `${group}xxx` : "other";
}

// Read when the metrics are fetched, so that nothing is counted twice and a busy session pays nothing.
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
