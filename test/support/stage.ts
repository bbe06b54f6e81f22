// A stand-in for RDS for one test file, with nothing of this machine's in it but PATH.
import process from "node:process";
import { type StandIn, type StandInOptions, startStandIn } from "../../src/demo/stand-in.ts";
import { until } from "./traces.ts";

/** Starts a stand-in; its `env` is what a child of the test needs. */
export function startStage(options: Partial<StandInOptions> = {}): Promise<StandIn> {
  const env = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
  return startStandIn({ env, from: [process.cwd()], ...options });
}

/** Waits until so many sessions are in a pg_sleep(). */
export async function untilSleeping({ postgres }: StandIn, count = 1): Promise<void> {
  const sessions = "pg_stat_activity where state = 'active' and query ~ '^select pg_sleep'";
  const asleep = async () => (await postgres.query(`select from ${sessions}`)).rows.length;
  await until(async () => (await asleep()) === count, `${count} sessions sleep`);
}
