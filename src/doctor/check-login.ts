// The doctor's steps inside the database: login, a query, ten queries. We are the frontend here, on the very connection
// that the step before has verified.
import { Buffer } from "node:buffer";
import { authTokenSource } from "../aws/token-cache.ts";
import type { Settings } from "../config/settings.ts";
import type { Checkup } from "./checkup.ts";
import { explainRefusedLogin } from "./explain-login.ts";
import { fail, failure, lacking, ok, type Outcome } from "./finding.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Place } from "../session/endpoint.ts";
import { passwordSource } from "../session/password-login.ts";
import type { LoginSecret } from "../proxy/backend-authentication.ts";
import { loginToBackend } from "../proxy/backend-login.ts";
import type { Who } from "../proxy/backend-session.ts";
import { BackendRefusal } from "../proxy/failure.ts";
import { endSession, type Row, simpleQuery } from "../proxy/simple-query.ts";
import { explainPasswordRefusal, explainRefusals } from "../session/explain-refusal.ts";
import type { RunContext } from "../base/context.ts";

const QUERIES = 10;
const QUERY_TIMEOUT = 10_000; // ms

/** Logs in, with an auth token or the password of a command. */
export async function checkLogin(checkup: Checkup): Promise<Outcome> {
  const { backend, connection, context, place, settings, user } = checkup;
  if (user === undefined || settings === undefined) return lacking("config");
  if (place === undefined || backend === undefined || connection === undefined) {
    return lacking("tls");
  }
  const database = settings.dbname ?? user;
  const who = { user, database, settings, place };
  const means =
    settings.passwordCommand === undefined ? byToken(checkup, who) : byPassword(context, who);
  if ("status" in means) return means;
  const parameters = { user, database, application_name: "rdsiam doctor" };
  const message = { minor: 0, parameters: Object.entries(parameters).map(startupParameter) };
  const started = performance.now();
  try {
    const login = { backend, message, secret: means.secret };
    const loggingIn = loginToBackend(connection, login, context.failed);
    checkup.session = await context.waiting.for(place.host, loggingIn);
  } catch (error) {
    if (!(error instanceof BackendRefusal || error instanceof RdsIamError)) throw error;
    return means.explain(error);
  }
  const { session } = checkup;
  checkup.closers.push(() => endSession(session));
  place.remember();
  const milliseconds = Math.round(performance.now() - started);
  return ok(`user "${user}", database "${database}", ${milliseconds} ms`);
}

interface LoginWish extends Who {
  readonly settings: Settings;
  readonly place: Place;
}

interface LoginMeans {
  readonly secret: LoginSecret;
  readonly explain: (error: BackendRefusal | RdsIamError) => Promise<Outcome> | Outcome;
}

function byToken(checkup: Checkup, { user, database, place }: LoginWish): LoginMeans | Outcome {
  const { context, identity } = checkup;
  if (checkup.withoutRole !== undefined) return lacking("role");
  if (identity === undefined || checkup.credentials === undefined) return lacking("credentials");
  const { credentials } = identity;
  const { host, kind, port, region } = place;
  const authToken = authTokenSource({ host, port, region, credentials });
  const refusals = explainRefusals({ host, port, region });
  const get = async (): Promise<string> => {
    const made = await authToken(user);
    context.log.addSecret(made.token);
    refusals.signed({ identity: made.identity, token: made });
    return made.token;
  };
  const isProxied = kind === "proxy" || kind === "proxy-endpoint";
  const grantee = { user, dbname: database, isProxied };
  return {
    secret: { kind: "auth token", get },
    explain: (error) => explainRefusedLogin(checkup, { error, refusals, grantee }),
  };
}

function byPassword(context: RunContext, { settings, place, ...who }: LoginWish): LoginMeans {
  const password = passwordSource(context, { settings, host: place.host, port: place.port });
  return {
    secret: { kind: "password", get: () => password(who) },
    explain: (error) => {
      if (!(error instanceof BackendRefusal)) return failure(error);
      const { fields, message, sqlState } = error;
      const added = explainPasswordRefusal(fields);
      const cause = fields.get("D") ?? added.detail;
      return fail(`${sqlState} ${message}`, { cause, remedy: fields.get("H") ?? added.hint });
    },
  };
}

function startupParameter([name, value]: [string, string]): { name: Buffer; value: Buffer } {
  return { name: Buffer.from(name), value: Buffer.from(value) };
}

/** Asks `select 1`, and what the database is. */
export async function checkQuery(checkup: Checkup): Promise<Outcome> {
  const ask = asker(checkup);
  if (ask === undefined) return lacking("login");
  const [first] = await ask("select 1");
  if (first?.[0] !== "1") {
    throw new RdsIamError(`select 1 answered ${first?.[0] ?? "nothing"}`, { code: "ERR_LOGIN" });
  }
  const [facts = []] = await ask(
    "select current_setting('server_version'), pg_is_in_recovery(), current_setting('transaction_read_only')",
  );
  const [version, inRecovery, readOnly] = facts;
  const side = inRecovery === "t" ? "a reader" : "a writer";
  return ok(`select 1 answers 1 (PostgreSQL ${version}, ${side}, read-only ${readOnly})`);
}

/** Measures ten queries, one after the other. */
export async function checkLatency(checkup: Checkup): Promise<Outcome> {
  const ask = asker(checkup);
  if (ask === undefined) return lacking("login");
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

function asker({
  context,
  session,
}: Checkup): ((sql: string) => Promise<readonly Row[]>) | undefined {
  if (session === undefined) return undefined;
  const limits = { timeout: QUERY_TIMEOUT, signal: context.failed };
  return (sql) => simpleQuery(session, sql, limits);
}
