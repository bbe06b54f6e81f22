// An error as the lines that a person reads, in PostgreSQL's own form, and the exit status that goes with it.
import { type ErrorCode, RdsIamError } from "./errors.ts";
import type { ProxyEvent } from "./proxy/connection.ts";

const FAILED = 125; // as env(1), nohup(1) and docker-run(1): the wrapper itself failed
const EXIT_STATUSES: Partial<Record<ErrorCode, number>> = {
  ERR_TOOL_NOT_EXECUTABLE: 126,
  ERR_TOOL_NOT_FOUND: 127,
  ERR_INTERRUPTED: 130,
};

/** The lines for an error: `rdsiam: error: ...`, `DETAIL: ...`, `HINT: ...`; with `verbose` its code and what is underneath too. */
export function errorLines(error: unknown, verbose: boolean): string[] {
  if (!(error instanceof RdsIamError)) return unexpectedLines(error, verbose);
  const lines = [`rdsiam: error: ${error.message}`];
  if (error.detail !== undefined) lines.push(`DETAIL:  ${error.detail}`);
  if (error.hint !== undefined) lines.push(`HINT:  ${error.hint}`);
  if (verbose) lines.push(`CODE:  ${error.code}`, ...causeLines(error.cause));
  return lines;
}

function unexpectedLines(error: unknown, verbose: boolean): string[] {
  const text = error instanceof Error ? error.message : String(error);
  const lines = [
    `rdsiam: error: internal error: ${text}`,
    "HINT:  This is a defect of rdsiam; please report it.",
  ];
  return verbose && error instanceof Error && error.stack !== undefined
    ? [...lines, error.stack]
    : lines;
}

function causeLines(cause: unknown): string[] {
  if (cause === undefined) return [];
  return [`CAUSE:  ${cause instanceof Error ? `${cause.name}: ${cause.message}` : typeof cause}`];
}

/** The exit status of rdsiam for an error of its own. */
export function exitStatusOf(error: unknown): number {
  return error instanceof RdsIamError ? (EXIT_STATUSES[error.code] ?? FAILED) : FAILED;
}

/** One verbose line for what happened on a connection of the proxy. */
export function eventText(event: ProxyEvent): string {
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
    case "stranger":
      return `connection closed: ${event.reason}`;
    case "cancel":
      if (event.failed !== undefined)
        return `cancel request not forwarded: ${event.failed.message}`;
      return event.found
        ? "cancel request forwarded"
        : "cancel request with an unknown key dropped";
    case "closed":
      return `session of ${event.user} closed`;
  }
}

/** Notes how the logins of a run went, for a tool that says nothing of why it failed. */
export interface LoginRecord {
  readonly note: (event: ProxyEvent) => void;
  /** The last refusal as error lines; none when any login worked. */
  readonly refusalLines: () => string[];
}

/** Starts a record of logins. */
export function recordLogins(): LoginRecord {
  let worked = false;
  let last: (ProxyEvent & { kind: "refused" }) | undefined;
  return {
    note: (event) => {
      if (event.kind === "login") worked = true;
      if (event.kind === "refused") last = event;
    },
    refusalLines: () => {
      if (worked || last === undefined) return [];
      const { message, detail, hint } = last.error;
      const lines = [`rdsiam: error: the login of ${last.user} failed: ${message}`];
      if (detail !== undefined) lines.push(`DETAIL:  ${detail}`);
      if (hint !== undefined) lines.push(`HINT:  ${hint}`);
      return lines;
    },
  };
}
