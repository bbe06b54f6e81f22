// What a row of the benchmark is: work that is done once for each subject in each round, and the figures that come of it.
import type { Scene } from "./scene.ts";
import type { Subject } from "./subjects.ts";

/** How much is done. */
export interface Size {
  /** The table that is copied and dumped. */
  readonly megabytes: number;
  /** pgbench's scale: 100,000 accounts each. */
  readonly scale: number;
  /** Each run of pgbench. */
  readonly seconds: number;
  /** Starts of a program in one run, of which the median counts. */
  readonly starts: number;
  /** Idle sessions, the fewest first. */
  readonly sessions: readonly number[];
  /** How long a process is left alone before its idle memory is read. */
  readonly settleMilliseconds: number;
}

/** One number that a row yields. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly unit: "MB/s" | "tps" | "logins/s" | "ms" | "µs" | "kB";
  /** Whether more of it is better. */
  readonly more: boolean;
}

/** What work is done with. */
export interface Bench {
  readonly scene: Scene;
  readonly size: Size;
  /** Starts a subject once more, as new. */
  readonly startAgain: (subject: Subject) => Promise<Subject>;
}

/** A row. */
export interface Work {
  readonly id: string;
  readonly figures: readonly Figure[];
  readonly appliesTo: (subject: Subject) => boolean;
  /** Answers the figures by their names. */
  readonly run: (bench: Bench, subject: Subject) => Promise<Readonly<Record<string, number>>>;
  /** Whether the subject's process in between does the work, so that its CPU time and memory are told. */
  readonly inBetween?: boolean;
  /** At most so many rounds of it. */
  readonly rounds?: number;
}

/** Whether tools of every kind go this way. */
export function servesTools(subject: Subject): boolean {
  return subject.env !== undefined;
}

/** Whether this is rdsiam as a program that starts. */
export function isProgram(subject: Subject): boolean {
  return subject.launcher !== undefined;
}
