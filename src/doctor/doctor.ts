// Examines a target: every step from the configuration to a query, each with what it found, and none stopped by a failure
// that does not concern it. Each step calls what a run calls, and returns what the next ones need.
import type { RunContext } from "../base/context.ts";
import { passwordSource } from "../config/settings.ts";
import { isNamedSecret } from "../config/targets.ts";
import { openCredentials, type RunCredentials } from "../session/credentials.ts";
import type { DatabaseEndpoint } from "../session/endpoint.ts";
import {
  iamLogin,
  type IamLogin,
  passwordLogin,
  type PasswordLogin,
  secretLogin,
} from "../session/login.ts";
import {
  checkClock,
  checkCredentials,
  checkIdentity,
  checkRole,
  fallbackRegion,
  type FoundCredentials,
  type FoundIdentity,
} from "./check-identity.ts";
import { checkLatency, checkLogin, checkQuery } from "./check-login.ts";
import { checkConfig, checkEnvironment, checkTool, type FoundConfig } from "./check-machine.ts";
import { checkDns, checkReachability, checkTls } from "./check-network.ts";
import { checkSecret, type FoundSecret } from "./check-secret.ts";
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

interface Running {
  readonly steps: Steps;
  readonly closers: Closers;
}

async function runSteps(
  context: RunContext,
  request: DoctorRequest,
  running: Running,
): Promise<void> {
  const { steps } = running;
  const found = await steps.run("config", {}, () => checkConfig(context, request));
  const { config, via } = found ?? {};
  await steps.run("environment", {}, () => checkEnvironment(context, request, config?.settings));
  await steps.run("tool", {}, () => checkTool(context));

  // With a password command AWS is asked for the tunnel alone.
  const isCommand = config !== undefined && passwordSource(config.settings) === "command";
  const asksAws = !isCommand || ["eice", "relay", "ssm"].includes(via?.kind ?? "");
  const ofAws: Steps["run"] = (step, needs, check) =>
    asksAws
      ? steps.run(step, needs, check)
      : steps.run(step, {}, () => skip("the password comes from a command: AWS is not called"));
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
  await runDatabaseSteps(context, running, { ...found, ...request, aws, credentials, identity });
}

interface FoundOnThisSide extends FoundConfig, Pick<DoctorRequest, "options"> {
  readonly aws: RunCredentials | undefined;
  readonly credentials: FoundCredentials | undefined;
  readonly identity: FoundIdentity | undefined;
}

async function runDatabaseSteps(
  context: RunContext,
  { steps, closers }: Running,
  { config, via, user, aws, credentials, identity, options }: FoundOnThisSide,
): Promise<void> {
  const name = config?.settings.secret;
  const isNamed = isNamedSecret(name);
  const readSecret = (endpoint?: DatabaseEndpoint): Promise<FoundSecret | undefined> =>
    steps.run("secret", { config, aws, credentials: credentials?.own }, (needs) =>
      checkSecret(context, { ...needs.config, credentials: needs.aws.credentials, endpoint }),
    );
  const named = isNamed ? await readSecret() : undefined;
  const placed = isNamed ? named?.config : config;
  const dns = await steps.run("dns", { config, secret: placed, aws }, (needs) =>
    checkDns(context, { ...needs.secret, via, credentials: needs.aws.credentials }),
  );
  const endpoint = dns?.endpoint;
  const isSecret = name !== undefined;
  const secret = isSecret && !isNamed && endpoint ? await readSecret(endpoint) : named;
  const run = placed && via && { ...placed, ...secret?.config, via };
  const login = ((): IamLogin | PasswordLogin | undefined => {
    if (run === undefined || endpoint === undefined || aws === undefined) return undefined;
    const { credentials: source } = aws;
    if (isSecret) return secret && secretLogin(run, endpoint, { ...secret, credentials: source });
    if (user === undefined) return undefined;
    return passwordSource(run.settings) === undefined
      ? iamLogin(context, run, endpoint, aws)
      : passwordLogin(context, run, endpoint);
  })();
  const route = run && aws && { ...run, credentials: aws.credentials };
  const tunnel = await steps.run(
    "reachability",
    {
      config: via,
      secret: placed,
      dns: dns?.isResolved === true ? endpoint : undefined,
      route,
    },
    (needs) => checkReachability(context, { ...needs.route, endpoint: needs.dns }, closers),
  );
  const connected = await steps.run(
    "tls",
    { config, secret: placed, dns: endpoint, reachability: tunnel },
    (needs) =>
      checkTls(
        context,
        { settings: needs.secret.settings, endpoint: needs.dns, tunnel: needs.reachability },
        closers,
      ),
  );
  await steps.run("clock", {}, () => checkClock(identity?.clockAhead));
  const needed = {
    config: via && (isSecret || user !== undefined ? config : undefined),
    ...(isNamed && { secret: named }),
    dns: endpoint,
    secret: isSecret ? secret : true,
    tls: connected,
    login,
  };
  const session = await steps.run("login", needed, (needs) => {
    const { kind } = needs.login;
    if (kind === "iam" && credentials?.withoutRole !== undefined) return lacking("role");
    if (kind === "iam" && credentials === undefined) return lacking("credentials");
    const asking = { login: needs.login, connected: needs.tls, identity, options };
    return checkLogin(context, asking, closers);
  });
  await steps.run("query", { login: session, dns: endpoint }, (needs) =>
    checkQuery(context, needs.login, needs.dns),
  );
  await steps.run("latency", { login: session }, (needs) => checkLatency(context, needs.login));
}
