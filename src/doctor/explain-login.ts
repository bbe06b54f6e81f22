// Why a login was refused, as far as the doctor can tell. PostgreSQL on RDS says the same "PAM authentication failed" for
// everything that IAM does not like, so what the earlier steps have shown is ruled out, and the likeliest of the rest is
// told with what mends it.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html
import { attachAdvice, connectPolicy, connectResource } from "../aws/connect-policy.ts";
import { findPermission, type FoundPermission } from "../session/permission.ts";
import type { Checkup } from "./checkup.ts";
import { MOST_SKEW } from "./check-identity.ts";
import { fail, failure, type More, type Outcome } from "./finding.ts";
import type { RdsIamError } from "../base/errors.ts";
import { checkStatement, type Grantee, grantStatements } from "../rds/grants.ts";
import { BackendRefusal } from "../proxy/failure.ts";
import { parseEndpoint } from "../rds/endpoint.ts";
import type { Refusals } from "../session/explain-refusal.ts";

/** A login that did not work. */
export interface RefusedLogin {
  readonly error: BackendRefusal | RdsIamError;
  readonly refusals: Refusals;
  readonly grantee: Grantee;
}

/** The outcome of a login that did not work. */
export async function explainRefusedLogin(
  checkup: Checkup,
  { error, refusals, grantee }: RefusedLogin,
): Promise<Outcome> {
  const sql = [checkStatement(grantee), ...grantStatements(grantee)];
  if (!(error instanceof BackendRefusal)) {
    return failure(error, error.code === "ERR_LOGIN" ? { sql } : {});
  }
  const { fields, message, sqlState } = error;
  const added = refusals.explain(grantee.user, fields);
  const cause = fields.get("D") ?? added.detail;
  const said = `${sqlState} ${message}`;
  if (/PAM authentication failed/.test(message)) {
    const more = await explainPam(checkup, grantee);
    return fail(said, { ...more, notes: [...(cause === undefined ? [] : [cause]), ...more.notes] });
  }
  const remedy = fields.get("H") ?? added.hint;
  return fail(said, { cause, remedy, sql: sqlState === "28P01" ? sql : undefined });
}

type PamMore = Omit<More, "notes"> & { readonly notes: readonly string[] };

async function explainPam(checkup: Checkup, grantee: Grantee): Promise<PamMore> {
  const { context, identity, loaded, place, settings } = checkup;
  if (loaded === undefined || place === undefined || settings === undefined) return { notes: [] };
  if (identity === undefined) return { notes: [] };
  const { user } = grantee;
  const { credentials } = identity;
  const found = await findPermission(context, { settings, loaded, place, user, credentials });
  const notes = [`ruled out: ${ruledOut(checkup, found, grantee).join("; ")}`];
  for (const { command, placeholder, why } of found.missing) {
    notes.push(`${placeholder} is not known (${why}); it is told by: ${command}`);
  }
  const policy = connectPolicy(found.permission);
  return { notes, ...likeliest(checkup, found), policy, sql: [checkStatement(grantee)] };
}

// Only what a step has really shown.
function ruledOut(
  { caller, clockAhead, place }: Checkup,
  { resource }: FoundPermission,
  { isProxied }: Grantee,
): string[] {
  const shown = ["the host (its certificate is that of the name that was signed)"];
  if (place !== undefined && parseEndpoint(place.host)?.region === place.region) {
    shown.push("the Region (it is the one in the name)");
  }
  if (caller !== undefined) shown.push("dead credentials (STS takes them)");
  if (clockAhead !== undefined && Math.abs(clockAhead) < MOST_SKEW) {
    shown.push(`the clock (${(Math.abs(clockAhead) / 1_000).toFixed(1)} s off)`);
  }
  if (!isProxied) shown.push("a missing rds_iam (the server asked for a token)");
  if (resource?.iam === true) shown.push("IAM authentication switched off (it is on)");
  return shown;
}

function likeliest(
  { clockAhead, loaded, place, settings }: Checkup,
  { caller, permission, resource }: FoundPermission,
): Pick<More, "cause" | "remedy"> {
  if (clockAhead !== undefined && Math.abs(clockAhead) >= MOST_SKEW) {
    const cause =
      "This machine's clock is wrong, and with it the time that the token was signed at.";
    return { cause, remedy: "Set the clock, then try again: see the step clock." };
  }
  if (resource?.iam === false) {
    const cause = `IAM authentication is off for ${resource.resourceId}.`;
    return { cause, remedy: `Switch it on: ${resource.switchOn}` };
  }
  const own = place && parseEndpoint(place.host)?.region;
  if (own !== undefined && own !== permission.region) {
    const cause = `The token was signed for ${permission.region}, and the name says ${own}.`;
    return { cause, remedy: "Take --region, RDSIAM_REGION or rds_region away." };
  }
  const isTarget = settings !== undefined && loaded?.targets.has(settings.target) === true;
  const which = isTarget ? settings.target : `--host ${place?.host} --user ${permission.user}`;
  return {
    cause: `Most likely ${caller?.arn ?? "the identity"} lacks rds-db:connect on ${connectResource(permission)}.`,
    remedy: attachAdvice(caller?.arn, `rdsiam policy ${which} --json`),
  };
}
