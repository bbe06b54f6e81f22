// What a step of the doctor finds, and how the steps are run: one after the other, each telling at once, and none ended by
// a failure of an earlier one. A step that lacks what an earlier one should have found says so and is skipped.

import { RdsIamError } from "../base/errors.ts";

/** The steps, in their order. */
export type StepName =
  | "config"
  | "environment"
  | "tool"
  | "credentials"
  | "identity"
  | "role"
  | "dns"
  | "reachability"
  | "tls"
  | "clock"
  | "login"
  | "query"
  | "latency";

/** What a step finds. */
export interface Outcome {
  readonly status: "ok" | "fail" | "skip";
  /** What was found, in one line. */
  readonly summary: string;
  /** More of it, a line each: addresses, variables. */
  readonly notes?: readonly string[] | undefined;
  readonly cause?: string | undefined;
  /** What to do, with the command to type. */
  readonly remedy?: string | undefined;
  /** The IAM policy that the login needs. */
  readonly policy?: object | undefined;
  /** Statements that show what the database knows. */
  readonly sql?: readonly string[] | undefined;
}

/** What a step found, with its name. */
export interface Finding extends Outcome {
  readonly step: StepName;
}

/** A step; what it throws is its failure. */
export interface Step {
  readonly name: StepName;
  readonly run: () => Promise<Outcome> | Outcome;
}

/** More than a summary. */
export type More = Omit<Outcome, "status" | "summary">;

/** The outcome of a step that found nothing wrong. */
export function ok(summary: string, more: More = {}): Outcome {
  return { status: "ok", summary, ...more };
}

/** The outcome of a step that found what is wrong. */
export function fail(summary: string, more: More = {}): Outcome {
  return { status: "fail", summary, ...more };
}

/** The outcome of a step that had nothing to look at. */
export function skip(summary: string): Outcome {
  return { status: "skip", summary };
}

/** The outcome of a step that lacks what another one did not find. */
export function lacking(step: StepName): Outcome {
  return skip(`not tried: it needs what ${step} did not find`);
}

/** The outcome of a step that threw. */
export function failure(error: unknown, more: More = {}): Outcome {
  if (error instanceof RdsIamError) {
    const { message, detail: cause, hint: remedy } = error;
    return { status: "fail", summary: message, cause, remedy, ...more };
  }
  const text = error instanceof Error ? error.message : String(error);
  return fail(`internal error: ${text}`, {
    remedy: "This is a defect of rdsiam; please report it.",
    ...more,
  });
}

/** Runs the steps in turn, and tells each finding as soon as it is there. */
export async function runSteps(
  steps: readonly Step[],
  tell: (finding: Finding) => void,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { name, run } of steps) {
    let outcome: Outcome;
    try {
      outcome = await run();
    } catch (error) {
      outcome = failure(error);
    }
    const finding = { step: name, ...outcome };
    findings.push(finding);
    tell(finding);
  }
  return findings;
}
