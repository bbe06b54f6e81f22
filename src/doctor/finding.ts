// What a step of the doctor finds, and how the steps are run: one after the other, each reported at once, and none stopped by
// a failure of an earlier one. A step that needs what an earlier one did not find is skipped.

import { RdsIamError } from "../base/errors.ts";
import type { TargetRequest } from "../session/settings.ts";

/** What is examined. */
export interface DoctorRequest extends TargetRequest {
  /** The RDSIAM_ variables that this version reads. */
  readonly knownVariables: readonly string[];
  /** Makes the error of a slip at the keyboard say what was meant. */
  readonly explain: (error: RdsIamError) => Promise<RdsIamError>;
}

/** Closes what a step opened, once all steps have run. */
export type Closers = (() => PromiseLike<unknown> | void)[];

/** The steps, in their order. */
export type StepName =
  | "config"
  | "environment"
  | "tool"
  | "credentials"
  | "identity"
  | "role"
  | "secret"
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

/** An outcome, and what later steps need of it. */
export interface StepResult<T> extends Outcome {
  readonly value?: T | undefined;
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

/** The outcome of a step that needs what another one did not find. */
export function lacking(step: string): Outcome {
  return skip(`skipped: needs "${step}"`);
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

/** What a step needs: each value under the name of the step that finds it; the first that is missing is named. */
type Needs = Readonly<Record<string, unknown>>;

type Granted<N extends Needs> = { readonly [K in keyof N]: NonNullable<N[K]> };

/** Runs steps in turn. */
export class Steps {
  readonly findings: Finding[] = [];
  readonly #report: (finding: Finding) => void;

  /** `report` is called with each finding as soon as it is there. */
  constructor(report: (finding: Finding) => void) {
    this.#report = report;
  }

  /** Runs a step unless something that it needs is missing; resolves with its value. What `check` throws is the step's failure. */
  async run<N extends Needs, T>(
    step: StepName,
    needs: N,
    check: (found: Granted<N>) => Promise<StepResult<T>> | StepResult<T>,
  ): Promise<T | undefined> {
    const missing = Object.keys(needs).find((name) => needs[name] === undefined);
    let result: StepResult<T>;
    try {
      result = missing === undefined ? await check(needs as Granted<N>) : lacking(missing);
    } catch (error) {
      result = failure(error);
    }
    const { value, ...outcome } = result;
    const finding = { step, ...outcome };
    this.findings.push(finding);
    this.#report(finding);
    return value;
  }
}
