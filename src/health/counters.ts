// What is counted as it happens in a proxy: logins, failures, cancel requests, strangers.
// https://prometheus.io/docs/practices/naming/
import { Counter, Histogram, type Registry } from "prom-client";
import { failureCause } from "./failure-cause.ts";

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
  | { readonly kind: "closed" };

type CancelResult = "forwarded" | "failed" | "unknown_key";

const CANCEL_RESULTS: readonly CancelResult[] = ["forwarded", "failed", "unknown_key"];

/** The counters of all targets. */
export class Counters {
  readonly #logins: Counter<"target">;
  readonly #failures: Counter<"target" | "cause">;
  readonly #cancels: Counter<"target" | "result">;
  readonly #strangers: Counter<"target">;
  readonly #durations: Histogram<"target">;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#logins = new Counter({
      name: "rdsiam_logins_total",
      help: "Logins that worked.",
      labelNames: ["target"],
      registers,
    });
    this.#failures = new Counter({
      name: "rdsiam_login_failures_total",
      help: "Logins that failed; the cause is a SQLSTATE, a class of them, or a code of rdsiam's.",
      labelNames: ["target", "cause"],
      registers,
    });
    this.#cancels = new Counter({
      name: "rdsiam_cancel_requests_total",
      help: "Cancel requests, and what became of them.",
      labelNames: ["target", "result"],
      registers,
    });
    this.#strangers = new Counter({
      name: "rdsiam_strangers_refused_total",
      help: "Connections that were closed because they did not prove the password.",
      labelNames: ["target"],
      registers,
    });
    this.#durations = new Histogram({
      name: "rdsiam_login_duration_seconds",
      help: "How long the logins that worked took, from the tool's proof to the database's greeting.",
      labelNames: ["target"],
      buckets: LOGIN_BUCKETS,
      registers,
    });
  }

  /** Shows a target's counters before anything has happened: a rate needs a first value. */
  begin(target: string): void {
    for (const counter of [this.#logins, this.#strangers]) counter.inc({ target }, 0);
    for (const result of CANCEL_RESULTS) this.#cancels.inc({ target, result }, 0);
    this.#durations.zero({ target });
  }

  /** Counts what happened in the proxy of a target. */
  note(target: string, occurrence: Occurrence): void {
    switch (occurrence.kind) {
      case "login":
        this.#logins.inc({ target });
        return this.#durations.observe({ target }, occurrence.milliseconds / 1_000);
      case "refused": {
        const { cause, error } = occurrence;
        return this.#failures.inc({ target, cause: failureCause(error.sqlState, cause) });
      }
      case "unauthenticated":
        return this.#strangers.inc({ target });
      case "cancel":
        return this.#cancels.inc({ target, result: cancelResult(occurrence) });
      case "closed":
    }
  }
}

function cancelResult({ found, failed }: Occurrence & { kind: "cancel" }): CancelResult {
  if (!found) return "unknown_key";
  return failed === undefined ? "forwarded" : "failed";
}
