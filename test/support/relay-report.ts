// The figures of the relay's long tests as lines, and what of them is not good.
import type { HostileResult } from "./hostile.ts";
import type { RelayFloodResult } from "./relay-flood.ts";
import type { ReplicasResult } from "./replicas.ts";

const MAX_GROWTH = 40 * 1024 * 1024; // bytes that a heap which was never full may still grow

/** What bad requests left behind. */
export function hostileFigures(result: HostileResult): string {
  const { descriptorsAfter, descriptorsBefore, memoryAfter = 0, memoryBefore = 0 } = result;
  const rate = Math.round(result.requests / (result.milliseconds / 1_000));
  return `${result.requests} bad requests, ${rate}/s: memory ${mb(memoryBefore)} -> ${mb(memoryAfter)}, descriptors ${descriptorsBefore ?? "?"} -> ${descriptorsAfter ?? "?"}`;
}

/** What is not good about it, a sentence each. */
export function hostileBroke(result: HostileResult): readonly string[] {
  const { descriptorsAfter = 0, descriptorsBefore = 0, memoryAfter = 0, memoryBefore = 0 } = result;
  const broken: string[] = [];
  if (descriptorsAfter > descriptorsBefore) broken.push("descriptors stayed open");
  if (memoryAfter - memoryBefore > MAX_GROWTH) broken.push("memory grew");
  if (result.reached > 0) broken.push("the database got connections");
  if (!result.works) broken.push("a good session does not work any more");
  return broken;
}

/** What came of good logins in a flood, and how fast it was: the machine may be slower than the rate that was asked for. */
export function floodFigures(result: RelayFloodResult): string {
  const { begun, ended, failed, logins, milliseconds } = result;
  const rate = (count: number): number => Math.round(count / (milliseconds / 1_000));
  const [half = 0, slowest = 0] = [logins[logins.length >> 1], logins.at(-1)];
  return `${logins.length} of ${logins.length + failed.length} good logins beside ${rate(begun)} bad connections/s (${rate(ended)}/s closed): median ${Math.round(half)} ms, slowest ${Math.round(slowest)} ms`;
}

/** What is not good about it, a sentence each. */
export function floodBroke({ failed, ended }: RelayFloodResult): readonly string[] {
  const broken = failed.map((error) => `a good login failed: ${error}`);
  return ended > 0 ? broken : [...broken, "the relay closed no bad connection"];
}

/** What came of replicas, one of which was killed. */
export function replicasFigures(result: ReplicasResult): string {
  const { anew, ended, sessions, spread, wentOn } = result;
  return `${sessions} sessions on ${spread.length} replicas (${spread.join(", ")}), the first killed: ${ended} ended, ${wentOn} went on, ${anew} new ones to old addresses`;
}

/** What is not good about it, a sentence each. */
export function replicasBroke(result: ReplicasResult, wanted: number): readonly string[] {
  const { anew, ended, sessions, spread, wentOn } = result;
  const broken: string[] = [];
  if (spread.some((count) => count === 0)) broken.push("a replica had no sessions");
  if (ended !== spread[0]) broken.push("other sessions ended than those of the killed replica");
  if (wentOn !== sessions - ended) broken.push("a session of another replica does not answer");
  if (anew !== wanted) broken.push("a new session does not work");
  return broken;
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`;
}
