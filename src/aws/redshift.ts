// Amazon Redshift's users and passwords: a call to its API gives both, for one database and a quarter of an hour.
// https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html
// https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentials.html
// https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_GetCredentials.html

import { RdsIamError } from "../base/errors.ts";
import { REDSHIFT_IDENTITY } from "../base/redshift.ts";
import { type AwsCaller, rdsError } from "./rds-client.ts";
import { jsonCall, queryCall, text } from "./signed-call.ts";

const SECONDS = 900; // the least, as an auth token of RDS lives

/** A login to a cluster or workgroup of Redshift. */
export interface RedshiftLogin {
  readonly service: "redshift" | "redshift-serverless";
  /** Of the cluster or workgroup. */
  readonly name: string;
  /** A database user, or REDSHIFT_IDENTITY. */
  readonly user: string;
  readonly database: string | undefined;
  /** That the user joins. */
  readonly groups: readonly string[];
}

/** A user and its password, until the password ends. */
export interface RedshiftPassword {
  readonly user: string;
  /** A secret. */
  readonly password: string;
  readonly expiresAt: Date;
}

/** The call that a login makes. */
export function credentialsAction({ service, user }: Pick<RedshiftLogin, "service" | "user">) {
  if (service === "redshift-serverless") return "GetCredentials";
  return user === REDSHIFT_IDENTITY ? "GetClusterCredentialsWithIAM" : "GetClusterCredentials";
}

/** Throws for a login that Redshift has no call for. */
export function checkRedshiftLogin({ service, name, user, groups }: RedshiftLogin): void {
  if (service === "redshift-serverless" && user !== REDSHIFT_IDENTITY) {
    throw new RdsIamError(`the workgroup ${name} does not accept a database user`, {
      code: "ERR_TARGET",
      detail: `It is Redshift Serverless, which logs in the IAM identity itself, not "${user}".`,
      hint: "Leave out {--user} and rds_user.",
    });
  }
  if (groups.length === 0 || user !== REDSHIFT_IDENTITY) return;
  throw new RdsIamError(`rds_db_groups needs a database user`, {
    code: "ERR_TARGET",
    detail: "On Redshift, the user of an IAM identity cannot join groups.",
    hint: "Set rds_user to the user that joins them, or leave out rds_db_groups.",
  });
}

/** Asks for a user and password; every failure is an RdsIamError. */
export async function redshiftPassword(
  login: RedshiftLogin,
  caller: AwsCaller,
): Promise<RedshiftPassword> {
  checkRedshiftLogin(login);
  const { service, name } = login;
  const action = credentialsAction(login);
  try {
    return service === "redshift"
      ? await ofCluster(action, login, caller)
      : await ofWorkgroup(action, login, caller);
  } catch (error) {
    const what = service === "redshift" ? "cluster" : "workgroup";
    const ways = `It gives the user and the password for the ${what} ${name}; rds_redshift names another one.`;
    throw rdsError(error, caller, { service, action, ways });
  }
}

async function ofCluster(
  action: string,
  { name, user, database, groups }: RedshiftLogin,
  caller: AwsCaller,
): Promise<RedshiftPassword> {
  const words: Record<string, string> = {
    ClusterIdentifier: name,
    DurationSeconds: String(SECONDS),
  };
  if (database !== undefined) words["DbName"] = database;
  if (user !== REDSHIFT_IDENTITY) words["DbUser"] = user;
  groups.forEach((group, at) => (words[`DbGroups.DbGroup.${at + 1}`] = group));
  const answer = await queryCall(caller, { service: "redshift", action }, words);
  const of = (name: string): string | undefined => text(answer, `${action}Result`, name);
  return readPassword(of("DbUser"), of("DbPassword"), of("Expiration"));
}

async function ofWorkgroup(
  action: string,
  { name, database }: RedshiftLogin,
  caller: AwsCaller,
): Promise<RedshiftPassword> {
  const request = { workgroupName: name, dbName: database, durationSeconds: SECONDS };
  const call = { service: "redshift-serverless", action } as const;
  const { dbUser, dbPassword, expiration } = await jsonCall(caller, call, request);
  const end = typeof expiration === "number" ? expiration * 1_000 : expiration;
  return readPassword(dbUser, dbPassword, end);
}

/** The ID of a workgroup, which IAM's policies name it by. */
export async function workgroupId(name: string, caller: AwsCaller): Promise<string> {
  const call = { service: "redshift-serverless", action: "GetWorkgroup" } as const;
  try {
    const answer = await jsonCall(caller, call, { workgroupName: name });
    const id = text(answer, "workgroup", "workgroupId");
    if (id !== undefined) return id;
    throw new Error("Deserialization error: the answer has no workgroup");
  } catch (error) {
    throw rdsError(error, caller, { ...call, ways: "Without it, the policy has a placeholder." });
  }
}

function readPassword(user: unknown, password: unknown, expiration: unknown): RedshiftPassword {
  const expiresAt = new Date(typeof expiration === "number" ? expiration : String(expiration));
  const isWhole = isWord(user) && isWord(password) && !Number.isNaN(expiresAt.getTime());
  if (isWhole) return { user, password, expiresAt };
  throw new Error("Deserialization error: the answer has no user and password");
}

// Without a NUL, which ends a text of the protocol.
function isWord(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\0");
}
