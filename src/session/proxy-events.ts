// Logs what happens on a proxy, and records how the logins of a run went.
import { RdsIamError } from "../base/errors.ts";
import type { Fields, Log, Problem } from "../base/log.ts";
import type { ProxyEvent } from "../proxy/proxy-options.ts";
import type { FatalError } from "../protocol/error-response.ts";
import { Throttle } from "../base/throttle.ts";

// An event as a line.
function eventText(event: ProxyEvent): string {
  switch (event.kind) {
    case "login":
      return `login: ${event.user} to ${event.database} at ${event.address} in ${event.milliseconds} ms`;
    case "refused": {
      const { sqlState, message, detail } = event.error;
      const cause =
        event.cause instanceof Error && event.cause.cause instanceof Error
          ? ` (${event.cause.cause.message})`
          : "";
      return `login refused: ${event.user}: ${sqlState} ${message}${detail === undefined ? "" : `: ${detail}`}${cause}`;
    }
    case "unauthenticated":
      return `connection closed: ${event.reason}`;
    case "cancel":
      if (event.failed !== undefined)
        return `cancel request not forwarded: ${event.failed.message}`;
      return event.found
        ? "cancel request forwarded"
        : "cancel request with an unknown key dropped";
    case "ignored":
      return `not sent, as the server refuses it and it changes nothing: ${event.statement}`;
    case "expired":
      return `session of ${event.user} ended by the server: DSQL ends connections after 60 minutes`;
    case "closed":
      return `session of ${event.user} closed${event.timeout === undefined ? "" : ` by the ${event.timeout} timeout`}`;
  }
}

/** Creates the function that logs the events of a target's proxy; with `warns` a refused login is a warning. */
export function proxyEventLogger(
  log: Log,
  { target, warns }: { readonly target: string; readonly warns: boolean },
): (event: ProxyEvent) => void {
  const logFailure = warns
    ? (text: string, fields: Fields) => log.warning({ message: text }, fields)
    : log.event;
  const failures = new Throttle((count) =>
    logFailure(`refused ${count} more connections in the same second`, { target, count }),
  );
  return (event) => {
    const hasWorked = event.kind === "login" || event.kind === "closed";
    // Whatever unauthenticated clients can cause; in JSON all of it is logged.
    if (!hasWorked && !(event.kind === "cancel" && event.found) && !failures.take()) return;
    const fields = { target, ...eventFields(event) };
    if (warns && event.kind === "refused") return log.warning(refusalProblem(event), fields);
    // The server was not asked: a wrong password of the proxy's own, no TLS, no client certificate.
    if (warns && isRefusedHere(event)) return log.warning(refusalProblem(event), fields);
    log.event(eventText(event), fields);
  };
}

// An event as the fields of a JSON line.
function eventFields(event: ProxyEvent): Fields {
  const named = { event: event.kind };
  switch (event.kind) {
    case "login": {
      const { user, database, address, milliseconds } = event;
      return { ...named, user, database, address, milliseconds };
    }
    case "refused": {
      const { user, error } = event;
      const { detail, hint, sqlState: sqlstate } = error;
      return { ...named, user, sqlstate, detail, hint };
    }
    case "unauthenticated":
      return { ...named, reason: event.reason };
    case "cancel":
      return { ...named, found: event.found, failed: event.failed?.message };
    case "ignored":
      return { ...named, user: event.user, statement: event.statement };
    case "expired":
      return { ...named, user: event.user };
    case "closed":
      return { ...named, user: event.user, timeout: event.timeout };
  }
}

/** How the logins of a run went, for a tool that does not say why it failed. */
export interface LoginRecord {
  readonly note: (event: ProxyEvent) => void;
  /** Whether any login worked. */
  readonly worked: () => boolean;
  /** The last refusal; none when any login worked. */
  readonly refusal: () => Problem | undefined;
}

/** Starts a record of logins. */
export function recordLogins(): LoginRecord {
  let worked = false;
  let last: Refusal | undefined;
  return {
    note: (event) => {
      if (event.kind === "login") worked = true;
      if (event.kind === "refused" || isRefusedHere(event)) last = event;
    },
    worked: () => worked,
    refusal: () => {
      if (worked || last === undefined) return undefined;
      return refusalProblem(last);
    },
  };
}

type RefusedHere = ProxyEvent & { kind: "unauthenticated"; error: FatalError };
type Refusal = (ProxyEvent & { kind: "refused" }) | RefusedHere;

function isRefusedHere(event: ProxyEvent): event is RefusedHere {
  return event.kind === "unauthenticated" && event.error !== undefined;
}

function refusalProblem(event: Refusal): Problem {
  if (event.kind === "unauthenticated")
    return { ...event.error, message: `refused a login: ${event.reason}` };
  const { user, error, cause } = event;
  const { message, detail, hint } = error;
  const code = cause instanceof RdsIamError ? cause.code : undefined;
  return { message: `the login of ${user} failed: ${message}`, code, detail, hint };
}
