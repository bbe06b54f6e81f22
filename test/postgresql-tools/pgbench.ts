// pgbench in every protocol mode, and with a new connection for each transaction, without one error.

import { availableParallelism } from "node:os";
import type { Bench, Check } from "./bench.ts";

const DATABASE = "benched";

/** The runs of pgbench. */
export const PGBENCH_CHECKS: readonly Check[] = [
  { name: "pgbench -i", tools: ["pgbench"], run: initialise },
  ...[["-M", "simple"], ["-M", "extended"], ["-M", "prepared"], ["-C"]].map((words): Check => ({
    name: `pgbench ${words.join(" ")}`,
    tools: ["pgbench"],
    run: (bench) => measure(bench, words),
  })),
];

async function initialise(bench: Bench): Promise<string> {
  await bench.query("postgres", `create database ${DATABASE}`);
  const scale = bench.size.seconds < 10 ? "1" : "10";
  await bench.through(DATABASE, ["pgbench", "-i", "-q", "-s", scale]);
  const [row] = await bench.query(DATABASE, "select count(*)::int as it from pgbench_accounts");
  return `${String(row?.["it"])} accounts`;
}

async function measure(bench: Bench, words: readonly string[]): Promise<string> {
  const jobs = String(Math.min(2, availableParallelism()));
  const load = ["-n", "-T", String(bench.size.seconds), "-c", "4", "-j", jobs];
  const { stderr, stdout } = await bench.through(DATABASE, ["pgbench", ...load, ...words]);
  const processed = /transactions actually processed: (\d+)/.exec(stdout)?.[1];
  const failed = /failed transactions: (\d+)/.exec(stdout)?.[1] ?? "0";
  const tps = /tps = (\d+)/.exec(stdout)?.[1] ?? "?";
  if (
    processed === undefined ||
    processed === "0" ||
    failed !== "0" ||
    /error|abort/i.test(stderr)
  ) {
    throw new Error(`${failed} failed: ${stdout} ${stderr}`);
  }
  const [sums] = await bench.query(
    DATABASE,
    `select (select sum(abalance) from pgbench_accounts) = (select sum(bbalance) from pgbench_branches)
        and (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches) as right`,
  );
  if (sums?.["right"] !== true) throw new Error("the balances do not add up");
  return `${processed} transactions in ${bench.size.seconds} s, 0 failed, ${tps} tps`;
}
