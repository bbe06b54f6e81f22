// Examines a target: every step from the configuration to a query, each with what it found, and none stopped by a failure
// that does not concern it. Nothing here is a second implementation: each step calls what a run calls.
import type { Checkup, DoctorRequest } from "./checkup.ts";
import { checkClock, checkCredentials, checkIdentity, checkRole } from "./check-identity.ts";
import { checkConfig, checkEnvironment, checkTool } from "./check-machine.ts";
import { checkLatency, checkLogin, checkQuery } from "./check-login.ts";
import { checkDns, checkReachability, checkTls } from "./check-network.ts";
import { type Finding, type Outcome, runSteps, skip, type Step } from "./finding.ts";
import type { RunContext } from "../base/context.ts";

/** Runs every step; `tell` hears each finding as soon as it is there. */
export async function examine(
  context: RunContext,
  request: DoctorRequest,
  tell: (finding: Finding) => void,
): Promise<readonly Finding[]> {
  const checkup: Checkup = { context, request, closers: [] };
  try {
    return await runSteps(stepsOf(checkup), tell);
  } finally {
    for (const close of checkup.closers.toReversed()) await close();
  }
}

function stepsOf(checkup: Checkup): readonly Step[] {
  return [
    { name: "config", run: () => checkConfig(checkup) },
    { name: "environment", run: () => checkEnvironment(checkup) },
    { name: "tool", run: () => checkTool(checkup) },
    { name: "credentials", run: () => ofAws(checkup, checkCredentials) },
    { name: "identity", run: () => ofAws(checkup, checkIdentity) },
    { name: "role", run: () => ofAws(checkup, checkRole) },
    { name: "dns", run: () => checkDns(checkup) },
    { name: "reachability", run: () => checkReachability(checkup) },
    { name: "tls", run: () => checkTls(checkup) },
    { name: "clock", run: () => checkClock(checkup) },
    { name: "login", run: () => checkLogin(checkup) },
    { name: "query", run: () => checkQuery(checkup) },
    { name: "latency", run: () => checkLatency(checkup) },
  ];
}

// With a password command only a way may lead through AWS.
async function ofAws(
  checkup: Checkup,
  check: (checkup: Checkup) => Promise<Outcome> | Outcome,
): Promise<Outcome> {
  const { settings, via } = checkup;
  const isAsked =
    settings?.passwordCommand === undefined || via?.kind === "ssm" || via?.kind === "relay";
  return isAsked ? check(checkup) : skip("the password is a command's: AWS is not asked");
}
