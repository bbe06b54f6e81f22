// An error as what a person reads, in PostgreSQL's own form, and the exit status that goes with it.
import { isDenied } from "./errno.ts";
import { type ErrorCode, RdsIamError } from "./errors.ts";
import type { Problem } from "./log.ts";

/** The exit status for a failure of rdsiam's own. */
export const FAILED = 125; // as env(1), nohup(1) and docker-run(1): the wrapper itself failed
const EXIT_STATUSES: Partial<Record<ErrorCode, number>> = {
  ERR_TOOL_NOT_EXECUTABLE: 126,
  ERR_TOOL_NOT_FOUND: 127,
  ERR_INTERRUPTED: 130,
};

/** An error as its message, DETAIL and HINT. */
export function problemOf(error: unknown): Problem {
  if (error instanceof RdsIamError) return error;
  if (isDenied(error)) {
    return {
      message: `Deno does not permit it: ${error.message.replace(/, run again.*/s, "")}`,
      code: "ERR_USAGE",
      hint: "Run it with all permissions: deno run -A npm:rdsiam",
    };
  }
  return {
    message: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    code: "ERR_INTERNAL",
    hint: "This is a defect of rdsiam; please report it.",
    trace: error instanceof Error ? error.stack : undefined,
  };
}

/** The exit status of rdsiam for an error of its own. */
export function exitStatusOf(error: unknown): number {
  return error instanceof RdsIamError ? (EXIT_STATUSES[error.code] ?? FAILED) : FAILED;
}
