// Makes a database ready for a user's logins with IAM: looks what is there, plans what is missing, and does it step by step.
// What is done stays done, so that the next run goes on where one was stopped; two runs at once do each step once.
import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import {
  connectAction,
  connectPolicy,
  connectResources,
  iamArn,
  type PolicyDocument,
} from "../aws/connect-policy.ts";
import type { AwsCaller } from "../aws/rds-client.ts";
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { redshiftCluster } from "../rds/endpoint.ts";
import { grantServer } from "../rds/grants.ts";
import { callerOf } from "../session/credentials.ts";
import { type IamLogin, openIamLogin } from "../session/login.ts";
import { openSession, type OwnSession } from "../session/open-session.ts";
import { findPermission, type FoundPermission } from "../session/permission.ts";
import type { TargetRequest } from "../session/settings.ts";
import { type AdminLogin, type AdminOptions, openAdmin } from "./admin.ts";
import { readDatabase, readerError, type SetupGoal } from "./database-state.ts";
import { makePlan, type PolicyToAttach, type SetupStep, type StatementFile } from "./plan.ts";
import type { GrantLevel } from "./privileges.ts";

const STATEMENT_LIMIT = 5 * 60_000; // ms; of a file, an index may be made
const LOCK_LIMIT = 60_000; // ms in which another run must be done with the database
const LONGEST_NAME = 63; // bytes of a role, https://www.postgresql.org/docs/current/limits.html
const PROPAGATION = 15_000; // ms that AWS is given to know what was changed
const ATTEMPTS = 2_000; // ms between two logins meanwhile
const NAME = "rdsiam setup";
const LOCK = `pg_catalog.hashtext('${NAME}')`;
// Another transaction was first: https://docs.aws.amazon.com/aurora-dsql/latest/userguide/working-with-concurrency-control.html
const CONFLICT = /\b40001\b|\bOC00[01]\b/;
const MOST_CONFLICTS = 5;

/** What is to be set up. */
export interface SetupRequest extends TargetRequest {
  readonly admin: AdminOptions;
  readonly level: GrantLevel | undefined;
  readonly file: StatementFile | undefined;
  readonly schemas: readonly string[];
  /** ROLE|USER. */
  readonly attach: string | undefined;
}

/** A database that has been looked at, and what is missing there. */
export interface Setup {
  readonly login: IamLogin;
  readonly admin: AdminLogin;
  readonly found: FoundPermission;
  readonly policy: PolicyToAttach | undefined;
  readonly document: PolicyDocument;
  /** Whether IAM lets the identity at hand log in; undefined where that could not be found out. */
  readonly isAllowed: boolean | undefined;
  readonly steps: readonly SetupStep[];
  /** Does the steps; `report` is called after each. A failure says what is done and what is not. */
  readonly run: (report: (step: SetupStep) => void) => Promise<void>;
}

/** Looks at the database, at RDS and at IAM; nothing is changed. */
export async function prepareSetup(context: RunContext, request: SetupRequest): Promise<Setup> {
  const { level, schemas, file, attach } = request;
  const login = await openIamLogin(context, request);
  checkLogin(login);
  const { endpoint, user, dbname, credentials } = login;
  const found = await findPermission(context, login);
  const caller = callerOf(context, login, endpoint.region, credentials);
  const document = connectPolicy(found.permission);
  const policy =
    attach === undefined ? undefined : await findPolicy(context, { attach, caller, found });
  const own = iamArn(found.caller?.arn);
  const isDsql = endpoint.kind === "dsql";
  const goal: SetupGoal = {
    user,
    dbname,
    server: isDsql ? "dsql" : "database",
    iamArn: policy === undefined ? own : arnOf(policy, attach, found),
    level,
    schemas,
  };
  const { resource } = found;
  const why = found.missing.at(-1)?.why;
  const admin = await openAdmin(context, { ...request, login, resource, why }, request.admin);
  const look = async (session: OwnSession): Promise<readonly SetupStep[]> => {
    const database = await readDatabase(session, goal);
    return makePlan({ goal, region: endpoint.region, resource, database, policy, file });
  };
  const withAdmin = async <T>(work: (session: OwnSession) => Promise<T>): Promise<T> => {
    const as = { user: admin.user, dbname, name: NAME };
    await using session = await openSession(context, admin.login, as);
    return await work(session);
  };
  const steps = await withAdmin(look);
  const isAllowed =
    policy === undefined && own !== undefined
      ? await askAllowed(context, { own, caller, found })
      : undefined;
  const run: Setup["run"] = (report) =>
    runSteps(context, { steps, report, login, caller, policy, withAdmin, look, isDsql });
  return { login, admin, found, policy, document, isAllowed, steps, run };
}

function checkLogin({ endpoint, settings, user }: IamLogin): void {
  const { host, kind } = endpoint;
  if (redshiftCluster(endpoint, settings.redshift) !== undefined) {
    throw new RdsIamError(`${host} is Amazon Redshift, which creates its users itself`, {
      code: "ERR_USAGE",
      detail: "All that a login there needs is an IAM policy.",
      hint: "Print the policy: rdsiam policy.",
    });
  }
  if (grantServer(kind) === "proxy") {
    throw new RdsIamError(`${host} is an RDS Proxy, and not the database itself`, {
      code: "ERR_ENDPOINT",
      detail: "The RDS Proxy logs in to the database itself, as its own settings define.",
      hint: "Name the endpoint of the instance or the cluster: --host, or another target.",
    });
  }
  if (kind === "reader") throw readerError(host);
  if (new TextEncoder().encode(user).length > LONGEST_NAME) {
    throw new RdsIamError(
      `the user of "${settings.label}" has a name of more than ${LONGEST_NAME} bytes`,
      {
        code: "ERR_USAGE",
        detail: "PostgreSQL truncates the name, so the auth token would be for a different user.",
        hint: "Choose a user with a shorter name: -U USER.",
      },
    );
  }
}

interface IamQuestion {
  readonly caller: AwsCaller;
  readonly found: FoundPermission;
}

async function findPolicy(
  context: RunContext,
  { attach, caller, found }: IamQuestion & { readonly attach: string },
): Promise<PolicyToAttach> {
  const [missing] = found.missing;
  if (missing !== undefined) {
    throw new RdsIamError(`the policy cannot be written: ${missing.placeholder} is not known`, {
      code: "ERR_CREDENTIALS",
      detail: `${missing.why}.`,
      hint: `This prints it: ${missing.command}. Without --attach-policy the policy is printed, with a placeholder.`,
    });
  }
  const { findIdentity, readPolicy } = await import("../aws/identity-policies.ts");
  const identity = await context.waiting.for(
    "IAM",
    findIdentity(attach, caller, found.caller?.account),
  );
  const document = connectPolicy(found.permission);
  const name = policyName(found.permission);
  const there = await context.waiting.for("IAM", readPolicy(identity, name, caller));
  return { identity, name, document, isThere: isSame(there, document) };
}

// One for each user of each database: another one must not be overwritten. IAM allows few characters.
function policyName({ resourceId, user }: FoundPermission["permission"]): string {
  const plain = `rdsiam-connect-${resourceId}-${user}`;
  if (/^[\w+=,.@-]{1,128}$/.test(plain)) return plain;
  const digest = createHash("sha256").update(user).digest("hex").slice(0, 16);
  return `rdsiam-connect-${resourceId}-${digest}`;
}

function isSame(text: string | undefined, document: PolicyDocument): boolean {
  try {
    return JSON.stringify(JSON.parse(text ?? "")) === JSON.stringify(document);
  } catch {
    return false;
  }
}

function arnOf(
  { identity }: PolicyToAttach,
  attach = "",
  { permission: { partition, account } }: FoundPermission,
): string {
  const path = `${identity.kind.toLowerCase()}/${identity.name}`;
  return attach.startsWith("arn:") ? attach : `arn:${partition}:iam::${account}:${path}`;
}

async function askAllowed(
  { waiting }: RunContext,
  { own, caller, found }: IamQuestion & { readonly own: string },
): Promise<boolean | undefined> {
  if (found.missing.length > 0) return undefined;
  const { isAllowed } = await import("../aws/identity-policies.ts");
  const { permission } = found;
  const [resource = ""] = connectResources(permission);
  const wanted = { action: connectAction(permission), resource };
  return waiting.for("IAM", isAllowed(own, wanted, caller));
}

interface SetupRun {
  readonly steps: readonly SetupStep[];
  readonly report: (step: SetupStep) => void;
  readonly login: IamLogin;
  readonly caller: AwsCaller;
  readonly policy: PolicyToAttach | undefined;
  readonly withAdmin: <T>(work: (session: OwnSession) => Promise<T>) => Promise<T>;
  /** The steps that are missing now. */
  readonly look: (session: OwnSession) => Promise<readonly SetupStep[]>;
  readonly isDsql: boolean;
}

async function runSteps(context: RunContext, running: SetupRun): Promise<void> {
  const { steps, login, caller, policy, withAdmin } = running;
  const done = new Set<SetupStep>();
  const report = (step: SetupStep): void => {
    done.add(step);
    running.report(step);
  };
  const ofKind = (kind: SetupStep["kind"]): readonly SetupStep[] =>
    steps.filter((step) => step.kind === kind);
  try {
    for (const step of ofKind("iam")) {
      const { switchIamOn } = await import("../aws/iam-switch.ts");
      await context.waiting.for("RDS", switchIamOn(login.endpoint, caller));
      report(step);
    }
    const statements = ofKind("sql");
    if (statements.length > 0) {
      await withAdmin((session) => runStatements(session, statements, { ...running, report }));
    }
    for (const step of ofKind("policy")) {
      if (policy === undefined) continue;
      const { writePolicy } = await import("../aws/identity-policies.ts");
      const { document, identity, name } = policy;
      await context.waiting.for("IAM", writePolicy(identity, name, { caller, document }));
      report(step);
    }
  } catch (error) {
    throw stopped(error, steps, done);
  }
  const isOfAws = steps.some(({ kind }) => kind !== "sql");
  if (isOfAws) await context.waiting.for("AWS to know of it", awaitLogin(context, login));
}

async function runStatements(
  session: OwnSession,
  steps: readonly SetupStep[],
  { report, look, isDsql }: SetupRun,
): Promise<void> {
  // The session's end takes the lock away. DSQL has none, and refuses one of two transactions instead.
  if (!isDsql) await session.ask(`SELECT pg_catalog.pg_advisory_lock(${LOCK})`, LOCK_LIMIT);
  const missing = new Map((await look(session)).map((step) => [step.key, step]));
  for (const step of steps) {
    // Another run may have done it.
    const now = missing.get(step.key);
    if (now !== undefined) {
      await runStatement(session, now, isDsql);
      // PostgreSQL only warns of some: what is reported as done has been seen.
      const left = (await look(session)).find(({ key }) => key === step.key && key !== "file");
      if (left !== undefined) throw changedNothing(left);
    }
    report(step);
  }
}

function changedNothing({ lines }: SetupStep): RdsIamError {
  return new RdsIamError(`the database accepted "${lines[0]}", and it changed nothing`, {
    code: "ERR_LOGIN",
    detail: "PostgreSQL only warns if a user may not grant something.",
    hint: "Log in as its owner: --admin-target TARGET.",
  });
}

async function runStatement(
  session: OwnSession,
  { key, lines }: SetupStep,
  isDsql: boolean,
): Promise<void> {
  if (key === "file") return runFile(session, lines.join("\n"));
  // All of a step or nothing; DSQL takes one such statement in a transaction.
  for (const sql of isDsql ? lines : [lines.join("\n")]) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await session.ask(sql, STATEMENT_LIMIT);
        break;
      } catch (error) {
        const isConflict = error instanceof RdsIamError && CONFLICT.test(error.detail ?? "");
        if (!isConflict || attempt === MOST_CONFLICTS) throw error;
      }
    }
  }
}

// It is the user's own, and written for an ordinary session.
async function runFile(session: OwnSession, sql: string): Promise<void> {
  await session.ask("RESET search_path", LOCK_LIMIT);
  try {
    await session.ask(sql, STATEMENT_LIMIT);
  } catch (error) {
    if (!(error instanceof RdsIamError) || error.code !== "ERR_LOGIN") throw error;
    throw new RdsIamError("the statements of the file failed", {
      code: "ERR_LOGIN",
      detail: error.detail,
    });
  }
  await session.ask("SET search_path = pg_catalog", LOCK_LIMIT);
}

// IAM and RDS take some seconds; what stays refused, rdsiam doctor explains.
async function awaitLogin(context: RunContext, login: IamLogin): Promise<void> {
  const { user, dbname } = login;
  for (const end = Date.now() + PROPAGATION; ;) {
    try {
      const session = await openSession(context, login, { user, dbname, name: NAME });
      await session[Symbol.asyncDispose]();
      return;
    } catch (error) {
      const isRefused = error instanceof RdsIamError && error.code === "ERR_LOGIN";
      if (!isRefused || Date.now() + ATTEMPTS > end) return;
      await delay(ATTEMPTS);
    }
  }
}

function stopped(
  thrown: unknown,
  steps: readonly SetupStep[],
  done: ReadonlySet<SetupStep>,
): unknown {
  if (!(thrown instanceof RdsIamError)) return thrown;
  const numbers = (wanted: boolean): string =>
    steps.flatMap((step, index) => (done.has(step) === wanted ? [index + 1] : [])).join(", ") ||
    "none";
  const at = steps.findIndex((step) => !done.has(step)) + 1;
  const { message, detail, hint, code } = thrown;
  return new RdsIamError(`setup stopped at step ${at}: ${message}`, {
    code,
    detail: [detail, `Done: ${numbers(true)}. Not done: ${numbers(false)}.`]
      .filter(Boolean)
      .join(" "),
    hint: `${hint === undefined ? "Correct that, then" : `${hint} Then`} run rdsiam setup again: it continues where it stopped.`,
    cause: thrown,
  });
}
