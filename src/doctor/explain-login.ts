// Why a login was refused, as far as the doctor can find out. PostgreSQL on RDS gives the same answer to
// everything that IAM does not like, so what the earlier steps have shown is ruled out, and the likeliest of the rest is
// reported with its remedy.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html
import {
  attachAdvice,
  connectAction,
  connectPolicy,
  connectResources,
  iamArn,
} from "../aws/connect-policy.ts";
import { MOST_SKEW } from "../aws/sdk.ts";
import type { RunContext } from "../base/context.ts";
import type { RdsIamError } from "../base/errors.ts";
import type { OptionValues } from "../config/keys.ts";
import { BackendRefusal } from "../proxy/failure.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import { checkStatement, type Grantee, grantServer, grantStatements } from "../rds/grants.ts";
import type { IamLogin } from "../session/login.ts";
import { findPermission, type FoundPermission } from "../session/permission.ts";
import { loginWords } from "../session/settings.ts";
import type { FoundIdentity } from "./check-identity.ts";
import { fail, failure, type More, type Outcome } from "./finding.ts";

/** A login that did not work. */
export interface RefusedLogin {
  readonly error: BackendRefusal | RdsIamError;
  readonly login: IamLogin;
  readonly identity: FoundIdentity | undefined;
  /** The options of the run. */
  readonly options: OptionValues;
}

/** The outcome of a login that did not work. */
export async function explainRefusedLogin(
  context: RunContext,
  refused: RefusedLogin,
): Promise<Outcome> {
  const { error, login } = refused;
  const { endpoint, user, dbname } = login;
  const arn = iamArn(refused.identity?.caller?.arn);
  const grantee = { user, dbname, server: grantServer(endpoint.kind), iamArn: arn };
  const sql = [checkStatement(grantee), ...grantStatements(grantee)];
  if (!(error instanceof BackendRefusal)) {
    const isDenied = grantee.server === "redshift" && error.code === "ERR_CREDENTIALS";
    if (!isDenied) return failure(error, error.code === "ERR_LOGIN" ? { sql } : {});
    const { permission } = await findPermission(context, login);
    return failure(error, { policy: connectPolicy(permission) });
  }
  const { fields, message, sqlState } = error;
  const added = login.explain(user, error);
  const cause = fields.get("D") ?? added.detail;
  const summary = `${sqlState} ${message}`.trimStart();
  const isRoleMissing = grantee.server === "dsql" && /does not exist/.test(message);
  // Redshift has given the password, so that IAM allows it.
  const isOfIam = grantee.server !== "redshift" && !isRoleMissing;
  if (sqlState === "28000" && error.isOfPassword && isOfIam) {
    const found = await findPermission(context, login);
    const notes = [
      ...(cause === undefined ? [] : [cause]),
      `ruled out: ${ruledOut(refused, found, grantee).join("; ")}`,
      ...found.missing.map(
        ({ command, placeholder, why }) =>
          `${placeholder} is not known (${why}); this command prints it: ${command}`,
      ),
    ];
    const policy = connectPolicy(found.permission);
    const statements = [checkStatement(grantee)];
    return fail(summary, { notes, ...likeliest(refused, found), policy, sql: statements });
  }
  const remedy = fields.get("H") ?? added.hint;
  return fail(summary, {
    cause,
    remedy,
    sql: sqlState === "28P01" || isRoleMissing ? sql : undefined,
  });
}

// Only what a step has really shown.
function ruledOut(
  { identity, login }: RefusedLogin,
  { resource }: FoundPermission,
  { server }: Grantee,
): string[] {
  const { endpoint } = login;
  const clockAhead = identity?.clockAhead;
  const shown = ["the host (its certificate is that of the name that was signed)"];
  if (parseEndpoint(endpoint.host)?.region === endpoint.region) {
    shown.push("the Region (it is the one in the name)");
  }
  if (identity?.caller !== undefined) shown.push("expired credentials (STS accepts them)");
  if (clockAhead !== undefined && Math.abs(clockAhead) < MOST_SKEW) {
    shown.push(`the clock (${(Math.abs(clockAhead) / 1_000).toFixed(1)} s off)`);
  }
  if (server === "database") shown.push("a missing rds_iam (the server asked for a token)");
  if (resource?.iam === true) shown.push("IAM authentication switched off (it is on)");
  return shown;
}

function likeliest(
  { identity, login, options }: RefusedLogin,
  { caller, permission, resource }: FoundPermission,
): Pick<More, "cause" | "remedy"> {
  const { endpoint } = login;
  const clockAhead = identity?.clockAhead;
  if (clockAhead !== undefined && Math.abs(clockAhead) >= MOST_SKEW) {
    const cause =
      "This machine's clock is wrong, and with it the time that the token was signed at.";
    return { cause, remedy: "Set the clock, then try again: see the step clock." };
  }
  // That call needs no permission: with an answer, the keys themselves were refused.
  if (clockAhead !== undefined && identity?.caller === undefined) {
    const cause = "AWS refused the credentials, and with them the token that they signed.";
    return { cause, remedy: "Correct the credentials first: see the step identity." };
  }
  if (resource?.iam === false) {
    const cause = `IAM authentication is off for ${resource.resourceId}.`;
    return { cause, remedy: `Switch it on: ${resource.switchOn}` };
  }
  const own = parseEndpoint(endpoint.host)?.region;
  if (own !== undefined && own !== permission.region) {
    const cause = `The token was signed for ${permission.region}, and the name says ${own}.`;
    return { cause, remedy: "Remove --region, RDSIAM_REGION or rds_region." };
  }
  return {
    cause: `Most likely ${caller?.arn ?? "the identity"} lacks ${connectAction(permission)} on ${connectResources(permission).join(" and ")}.`,
    remedy: attachAdvice(
      caller?.arn,
      `rdsiam policy ${loginWords(login, options, "policy")} --json`,
    ),
  };
}
