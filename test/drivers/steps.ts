// What a driver's script must print through rdsiam: one line for each step, the same for every driver.
// Some drivers have no SQLSTATE for a login that was refused (libpq keeps none): then RDS's text must be there.

import type { ChildProcess } from "node:child_process";
import type { Gateway } from "../../src/demo/gateway.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam } from "../support/program.ts";
import type { Driver } from "./drivers.ts";

/** What came of one step: its SQLSTATE or "ok", "n/a" where the driver has no such thing, or what went wrong. */
export interface Outcome {
  readonly step: string;
  readonly cell: string;
  readonly ok: boolean;
}

/** The targets that drivers are tried on; `ledger` is Aurora DSQL. */
export const DRIVER_TARGETS = ["prod", "ledger"] as const;

/** One of them. */
export type DriverTarget = (typeof DRIVER_TARGETS)[number];

/** The words of a command line that name a target, for the user `app_ro`. */
export const TARGET_WORDS: Readonly<Record<DriverTarget, readonly string[]>> = {
  prod: ["prod"],
  ledger: ["-U", "app_ro", "ledger"],
};

const NOT_THERE = "n/a";

const EXPECTED: Readonly<Record<string, string>> = {
  connect: "app_ro",
  query: "42 Zoë",
  copyin: "10000 49995000",
  copyout: "10000",
  // Rows that are read in a transaction at read committed, after a LOCK TABLE.
  locked: "10000",
  error: "42P01",
  cancel: "57014",
  timeout: "57014",
  // The connection still works after all that.
  after: "1",
};

const REFUSED = "refused";
const LIMIT_MS = 30_000;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The steps, in the order of the table. */
export const STEPS: readonly string[] = [...Object.keys(EXPECTED), REFUSED];

/** Adds the target whose key nobody knows, so that its logins are refused. */
export async function addRefusedTarget(standIn: StandIn): Promise<void> {
  const key = standIn.keys.createStaticKey({ arn: standIn.key.arn });
  standIn.keys.delete(key.accessKeyId);
  await standIn.addProfile(REFUSED, { ...standIn.targetSettings, rds_user: "app_ro" }, key);
}

/** The server behind a target. */
export function gatewayOf({ dsql, gateway }: StandIn, target: DriverTarget): Gateway {
  return target === "ledger" ? dsql : gateway;
}

/** Runs a driver's script: through a target that works, and where that is `prod` through one that is refused. */
export async function tryDriver(
  driver: Driver,
  stage: {
    readonly standIn: StandIn;
    readonly directory: string;
    readonly target: DriverTarget;
  },
): Promise<readonly Outcome[]> {
  const { standIn, target } = stage;
  const { env } = standIn;
  const command = driver.command(stage.directory);
  const gateway = gatewayOf(standIn, target);
  const cancels = gateway.cancels;
  const ran = await runLimited(["exec", ...TARGET_WORDS[target], ...command], env);
  const outcomes = judgeSteps(ran, { target, cancelled: gateway.cancels > cancels });
  if (target === "ledger") return outcomes;
  const refused = await runLimited(["exec", REFUSED, ...command], env);
  return [...outcomes, judgeRefusal(refused)];
}

/** What came of the steps of a run that was let in; `cancelled` when the server was asked to cancel. */
export function judgeSteps(
  ran: Finished,
  { target, cancelled }: { readonly target: DriverTarget; readonly cancelled: boolean },
): readonly Outcome[] {
  return Object.entries(EXPECTED).map(([step, expected]): Outcome => {
    const said = findLine(ran.stdout, step) ?? `nothing; ${ran.stderr.trim().slice(-300)}`;
    if (said === NOT_THERE) return { step, cell: NOT_THERE, ok: true };
    // A statement_timeout limits nothing on DSQL; some drivers have a limit of their own.
    const isUnlimited = target === "ledger" && step === "timeout" && said === "none";
    const ok = isUnlimited || (said === expected && (step !== "cancel" || cancelled));
    return { step, cell: ok ? shorten(said) : `FAILED: ${said}`, ok };
  });
}

// A driver that hangs is ended, and what it had said until then is judged.
async function runLimited(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Finished> {
  let timer: NodeJS.Timeout | undefined;
  const started = (child: ChildProcess): void => {
    timer = setTimeout(() => child.kill("SIGTERM"), LIMIT_MS);
  };
  const ran = await rdsiam(words, { env, started });
  clearTimeout(timer);
  return ran;
}

function judgeRefusal(ran: Finished): Outcome {
  const said = findLine(ran.stdout, REFUSED) ?? `nothing; ${ran.stderr.trim().slice(-300)}`;
  const [code = ""] = said.split(" ");
  if (code === "28000") return { step: REFUSED, cell: code, ok: true };
  const ok = !SQLSTATE.test(code) && said.includes("PAM authentication failed for user");
  return { step: REFUSED, cell: ok ? "text" : `FAILED: ${said}`, ok };
}

function findLine(output: string, step: string): string | undefined {
  const line = output.split("\n").find((one) => one.startsWith(`${step} `));
  return line?.slice(step.length + 1).trim();
}

function shorten(said: string): string {
  return SQLSTATE.test(said) && /[A-Z]|^57/.test(said) ? said : "ok";
}
