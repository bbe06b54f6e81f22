// The doctor's steps inside the database: login, a query, ten queries. We are the frontend here, on the very connection
// that the step before has verified.
import type { RunContext } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import type { OptionValues } from "../config/keys.ts";
import { requireUser } from "../config/settings.ts";
import { replaceParameters } from "../protocol/startup-packet.ts";
import type { PasswordProvider } from "../proxy/backend-authentication.ts";
import { connectBackend } from "../proxy/backend.ts";
import {
  type BackendSession,
  loginToBackend,
  startupFor,
  withFreshPassword,
} from "../proxy/backend-login.ts";
import { BackendRefusal } from "../proxy/failure.ts";
import { endSession, type QueryRow, simpleQuery } from "../proxy/simple-query.ts";
import { isRedshift } from "../rds/endpoint.ts";
import type { DatabaseEndpoint } from "../session/endpoint.ts";
import { checkRedshift, type IamLogin, type PasswordLogin } from "../session/login.ts";
import type { FoundIdentity } from "./check-identity.ts";
import type { FoundConnection } from "./check-network.ts";
import { explainRefusedLogin } from "./explain-login.ts";
import { type Closers, fail, failure, type StepResult, ok, type Outcome } from "./finding.ts";

const QUERIES = 10;
const QUERY_TIMEOUT = 10_000; // ms

/** What is logged in with, and on which connection. */
export interface LoginRequest {
  readonly login: IamLogin | PasswordLogin;
  readonly connected: FoundConnection;
  readonly identity: FoundIdentity | undefined;
  /** The options of the run. */
  readonly options: OptionValues;
}

/** Logs in, with an auth token or a password. */
export async function checkLogin(
  context: RunContext,
  { login, connected, identity, options }: LoginRequest,
  closers: Closers,
): Promise<StepResult<BackendSession>> {
  const { backend, connection } = connected;
  const { endpoint, settings } = login;
  const user = requireUser(settings);
  const database = login.dbname ?? user;
  const parameters = { user, database, application_name: "rdsiam doctor" };
  const { message } = startupFor(
    backend,
    replaceParameters({ minor: 0, parameters: [] }, parameters),
  );
  const started = performance.now();
  try {
    if (login.kind === "iam") await checkRedshift(login);
    const passwords = keptSecret(context, login.passwords);
    const loggingIn = withFreshPassword(async (fresh) => {
      const used = fresh ? await connectBackend(backend, context.failed) : connection;
      return loginToBackend(used, { backend, message, passwords, fresh }, context.failed);
    });
    const session = await context.waiting.for(endpoint.host, loggingIn);
    closers.push(() => endSession(session));
    endpoint.remember();
    const milliseconds = Math.round(performance.now() - started);
    return { ...ok(`user "${user}", database "${database}", ${milliseconds} ms`), value: session };
  } catch (error) {
    if (!(error instanceof BackendRefusal || error instanceof RdsIamError)) throw error;
    if (login.kind === "iam")
      return explainRefusedLogin(context, { error, login, identity, options });
    if (!(error instanceof BackendRefusal)) return failure(error);
    const added = login.explain(user, error);
    return fail(`${error.sqlState} ${error.message}`, {
      cause: error.fields.get("D") ?? added.detail,
      remedy: error.fields.get("H") ?? added.hint,
    });
  }
}

function keptSecret({ log }: RunContext, passwords: PasswordProvider): PasswordProvider {
  return {
    ...passwords,
    get: async (who, options) => {
      const issued = await passwords.get(who, options);
      log.addSecret(issued.password);
      return issued;
    },
  };
}

/** Asks `select 1`, and what the database is. */
export async function checkQuery(
  context: RunContext,
  session: BackendSession,
  { kind }: Pick<DatabaseEndpoint, "kind">,
): Promise<Outcome> {
  const ask = asker(context, session);
  const [first] = await ask("select 1");
  if (first?.[0] !== "1") {
    throw new RdsIamError(`select 1 answered ${first?.[0] ?? "nothing"}`, { code: "ERR_LOGIN" });
  }
  if (isRedshift(kind)) {
    const [[version = ""] = []] = await ask("select version()");
    return ok(`select 1 answers 1 (${/Redshift [\d.]+/.exec(version ?? "")?.[0] ?? "Redshift"})`);
  }
  const [facts = []] = await ask(
    "select current_setting('server_version'), pg_is_in_recovery(), current_setting('transaction_read_only')",
  );
  const [version, inRecovery, readOnly] = facts;
  const side = inRecovery === "t" ? "a reader" : "a writer";
  return ok(`select 1 answers 1 (PostgreSQL ${version}, ${side}, read-only ${readOnly})`);
}

/** Measures ten queries, one after the other. */
export async function checkLatency(context: RunContext, session: BackendSession): Promise<Outcome> {
  const ask = asker(context, session);
  const times: number[] = [];
  for (let count = 0; count < QUERIES; count += 1) {
    const started = performance.now();
    await ask("select 1");
    times.push(performance.now() - started);
  }
  times.sort((one, other) => one - other);
  const at = (index: number): number => times[index] ?? 0;
  const median = (at(QUERIES / 2 - 1) + at(QUERIES / 2)) / 2;
  const [least, middle, most] = [at(0), median, at(QUERIES - 1)].map((time) => time.toFixed(1));
  return ok(`${QUERIES} queries: min ${least} ms, median ${middle} ms, max ${most} ms`);
}

function asker(
  { failed }: RunContext,
  session: BackendSession,
): (sql: string) => Promise<readonly QueryRow[]> {
  return (sql) => simpleQuery(session, sql, { timeout: QUERY_TIMEOUT, signal: failed });
}
