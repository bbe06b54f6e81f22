// The bounds of a flood and its figures.
import { type FloodOptions, type FloodResult, p99 } from "./flood.ts";

const MAX_MEMORY = 150_000_000; // bytes resident at any time
const GRACE = 2_000; // ms after the last silent socket's time is over

/** What is let pass of a flood, apart from the bounds of the full run. */
export interface Leniency {
  /**
   * One in eight good logins, and one more, may fail: Deno 2.9.6 accepts hundreds of connections before it reads from
   * one, so that some are taken for silent and thinned out.
   */
  readonly lossy?: boolean;
  /** ms that the session's p99 may be over twice its quiet p99; other tests may be running. */
  readonly slack?: number;
}

/** What a flood broke, a sentence each; empty when it was good. */
export function brokenBounds(
  result: FloodResult,
  options: FloodOptions,
  { lossy = false, slack = 20 }: Leniency = {},
): readonly string[] {
  const broken = result.report.uncaught.map((error) => `uncaught: ${error}`);
  const check = (good: boolean, text: string): void => void (good || broken.push(text));
  const most = 2 * p99(result.quiet) + slack;
  const slow = p99(result.flooded);
  check(slow <= most, `the session's p99 was ${slow.toFixed(1)} ms, over ${most.toFixed(1)} ms`);
  const lost = result.logins.filter((time) => time === Infinity).length;
  const mayLose = lossy ? 1 + result.logins.length / 8 : 0;
  check(lost <= mayLose, `${lost} of ${result.logins.length} good logins failed`);
  check(result.opened === options.sockets, `${result.failed} silent sockets could not connect`);
  check(result.said === 0, `silent sockets were sent ${result.said} bytes`);
  const lasted = result.closedAfter - result.openedAfter;
  check(
    lasted <= options.loginTimeout + GRACE,
    `the last silent one stayed ${lasted.toFixed()} ms`,
  );
  check((result.peakMemory ?? 0) < MAX_MEMORY, `${megabytes(result.peakMemory)} MB were resident`);
  const { descriptorsAfter = 0, descriptorsBefore = 0 } = result;
  check(descriptorsAfter <= descriptorsBefore, `${descriptorsAfter} descriptors are open`);
  return broken;
}

/** The figures of a flood, a line each. */
export function figures(result: FloodResult): readonly string[] {
  const { quiet, flooded, logins } = result;
  const ms = (time: number | undefined): string => (time ?? Number.NaN).toFixed(2);
  const { descriptorsBefore = "?", descriptorsMost = "?", descriptorsAfter = "?" } = result;
  return [
    `${result.opened} silent sockets in ${(result.openedAfter / 1000).toFixed(1)} s, the last gone ${((result.closedAfter - result.openedAfter) / 1000).toFixed(1)} s later`,
    `session's queries: quiet p99 ${ms(p99(quiet))} ms of ${quiet.length}; flooded p99 ${ms(p99(flooded))} ms, slowest ${ms(flooded.at(-1))} ms of ${flooded.length}`,
    `good logins: ${logins.filter(Number.isFinite).length} of ${logins.length}, median ${ms(logins[Math.floor(logins.length / 2)])} ms, slowest ${ms(logins.at(-1))} ms`,
    `descriptors before, most, after: ${descriptorsBefore}, ${descriptorsMost}, ${descriptorsAfter}`,
    `most resident: ${megabytes(result.peakMemory)} MB`,
  ];
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? "?" : (bytes / 1_000_000).toFixed(1);
}
