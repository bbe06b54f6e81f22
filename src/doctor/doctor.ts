// Examines a target: every step from the configuration to a query, each with what it found, and none stopped by a failure
// that does not concern it. Each step calls what a run calls, and returns what the next ones need.
import type { RunContext } from "../base/context.ts";
import { openCredentials } from "../session/credentials.ts";
import { iamLogin, type Login, passwordLogin } from "../session/login.ts";
import {
  checkClock,
  checkCredentials,
  checkIdentity,
  checkRole,
  fallbackRegion,
} from "./check-identity.ts";
import { checkLatency, checkLogin, checkQuery } from "./check-login.ts";
import { checkConfig, checkEnvironment, checkTool } from "./check-machine.ts";
import { checkDns, checkReachability, checkTls } from "./check-network.ts";
import { type Closers, type DoctorRequest, type Finding, lacking, skip, Steps } from "./finding.ts";

/** Runs every step; `report` is called with each finding as soon as it is there. */
export async function examine(
  context: RunContext,
  request: DoctorRequest,
  report: (finding: Finding) => void,
): Promise<readonly Finding[]> {
  const steps = new Steps(report);
  const closers: Closers = [];
  try {
    await runSteps(context, request, { steps, closers });
  } finally {
    for (const close of closers.toReversed()) await close();
  }
  return steps.findings;
}

async function runSteps(
  context: RunContext,
  request: DoctorRequest,
  { steps, closers }: { readonly steps: Steps; readonly closers: Closers },
): Promise<void> {
  const found = await steps.run("config", {}, () => checkConfig(context, request));
  const { config, via, user } = found ?? {};
  await steps.run("environment", {}, () => checkEnvironment(context, request, config?.settings));
  await steps.run("tool", {}, () => checkTool(context));

  const isIam = config?.settings.passwordCommand === undefined;
  // With a password command AWS is asked for the tunnel alone.
  const asksAws = isIam || ["eice", "relay", "ssm"].includes(via?.kind ?? "");
  const ofAws: Steps["run"] = (step, needs, check) =>
    asksAws
      ? steps.run(step, needs, check)
      : steps.run(step, {}, () => skip("the password is a command's: AWS is not asked"));
  // It says what to type for a login, and does not log in.
  const aws =
    config &&
    openCredentials(context, config, fallbackRegion(config.settings), { withoutLogin: true });
  const credentials = await ofAws("credentials", { config, aws }, (needs) =>
    checkCredentials(context, needs.config, needs.aws),
  );
  const keys = credentials?.own ?? credentials?.withoutRole?.credentials;
  const identity = await ofAws("identity", { config, credentials: keys }, (needs) =>
    checkIdentity(context, needs.config, needs.credentials),
  );
  await ofAws("role", { config }, (needs) => checkRole(context, needs.config, credentials));

  const dns = await steps.run("dns", { config, aws }, (needs) =>
    checkDns(context, { ...needs.config, via, credentials: needs.aws.credentials }),
  );
  const endpoint = dns?.endpoint;
  const run = config && via && { ...config, via };
  const login: Login | undefined =
    run && user !== undefined && endpoint && aws
      ? isIam
        ? iamLogin(run, endpoint, aws)
        : passwordLogin(context, run, endpoint)
      : undefined;
  const route = run && aws && { ...run, credentials: aws.credentials };
  const tunnel = await steps.run(
    "reachability",
    { config: route, dns: dns?.isResolved === true ? endpoint : undefined },
    (needs) => checkReachability(context, { ...needs.config, endpoint: needs.dns }, closers),
  );
  const connected = await steps.run(
    "tls",
    { config, dns: endpoint, reachability: tunnel },
    (needs) =>
      checkTls(
        context,
        { settings: needs.config.settings, endpoint: needs.dns, tunnel: needs.reachability },
        closers,
      ),
  );
  await steps.run("clock", {}, () => checkClock(identity?.clockAhead));
  const session = await steps.run("login", { config: login, tls: connected }, (needs) => {
    if (needs.config.kind === "iam" && credentials?.withoutRole !== undefined)
      return lacking("role");
    if (needs.config.kind === "iam" && keys === undefined) return lacking("credentials");
    return checkLogin(context, { login: needs.config, connected: needs.tls, identity }, closers);
  });
  await steps.run("query", { login: session }, (needs) => checkQuery(context, needs.login));
  await steps.run("latency", { login: session }, (needs) => checkLatency(context, needs.login));
}
