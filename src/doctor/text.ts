// Findings as lines for people: the verdict, the step, what was found, and under it the cause and what to type.

import { wrap } from "../base/wrap.ts";
import type { Finding, Outcome } from "./finding.ts";

const STEP_WIDTH = 14; // "reachability" and two spaces
const INDENT = " ".repeat(6 + STEP_WIDTH);
const LABELS: Readonly<Record<Outcome["status"], string>> = {
  ok: "ok",
  fail: "FAIL",
  skip: "skip",
};

/** The verdict in its colour, where there are colours. */
export type PaintVerdict = (status: Outcome["status"], text: string) => string;

/** The lines of one finding. */
export function findingLines(
  finding: Finding,
  paint: PaintVerdict,
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const { cause, notes = [], policy, remedy, sql = [], status, step, summary } = finding;
  const lines: string[] = [];
  const add = (text: string, under = 0, before = INDENT): void => {
    const [first = "", ...rest] = wrap(printable(text), columns - INDENT.length, under).split("\n");
    lines.push(`${before}${first}`, ...rest.map((line) => `${INDENT}${line}`));
  };
  const verdict = paint(status, LABELS[status]) + " ".repeat(6 - LABELS[status].length);
  add(summary, 0, `${verdict}${step.padEnd(STEP_WIDTH)}`);
  for (const note of notes) add(note);
  if (cause !== undefined) add(`cause:  ${cause}`, 8);
  if (remedy !== undefined) add(`remedy: ${remedy}`, 8);
  if (policy !== undefined) {
    add("policy, to allow it in IAM:");
    for (const line of JSON.stringify(policy, undefined, 2).split("\n")) add(`  ${line}`);
  }
  if (sql.length > 0) {
    add("SQL, as an administrator of the database:");
    for (const statement of sql) add(`  ${statement}`);
  }
  return lines;
}

/** The last line: how many of each. */
export function summaryLine(findings: readonly Finding[]): string {
  const count = (wanted: Outcome["status"]): number =>
    findings.filter(({ status }) => status === wanted).length;
  return `${count("ok")} ok, ${count("fail")} failed, ${count("skip")} skipped`;
}

// Names in certificates and DNS, and a server's own words, come from others.
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, "?");
}
