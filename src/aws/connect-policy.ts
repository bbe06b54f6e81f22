// The IAM policy that allows logins to one database as one user, and nothing else.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
// https://docs.aws.amazon.com/redshift/latest/mgmt/generating-iam-credentials-role-permissions.html

import { DSQL_ADMIN } from "../base/dsql.ts";
import { REDSHIFT_IDENTITY } from "../base/redshift.ts";

const ASSUMED_ROLE = /^arn:([^:]+):sts::([^:]*):assumed-role\/([^/]+)\//;

/** What a login needs in IAM; a part that is not known is a placeholder. */
export interface ConnectPermission {
  readonly service: "dsql" | "rds-db" | "redshift" | "redshift-serverless";
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** db-..., cluster-... or prx-...; of DSQL the cluster's ID, of Redshift the cluster's name or the workgroup's ID. */
  readonly resourceId: string;
  readonly user: string;
  /** Matters to Redshift alone. */
  readonly dbname?: string | undefined;
  /** That a user of Redshift joins. */
  readonly groups?: readonly string[] | undefined;
}

/** An IAM policy document. */
export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly {
    readonly Effect: "Allow";
    readonly Action: string;
    readonly Resource: string | readonly string[];
  }[];
}

/** The action that IAM must allow. */
export function connectAction({ service, user }: ConnectPermission): string {
  if (service === "rds-db") return "rds-db:connect";
  if (service === "redshift-serverless") return "redshift-serverless:GetCredentials";
  if (service === "redshift") {
    return `redshift:GetClusterCredentials${user === REDSHIFT_IDENTITY ? "WithIAM" : ""}`;
  }
  return user === DSQL_ADMIN ? "dsql:DbConnectAdmin" : "dsql:DbConnect";
}

/** The ARNs that it must be allowed on. */
export function connectResources(permission: ConnectPermission): readonly string[] {
  const { account, dbname = "", partition, region, resourceId, service, user } = permission;
  const begin = `arn:${partition}:${service}:${region}:${account}`;
  switch (service) {
    case "dsql":
      return [`${begin}:cluster/${resourceId}`];
    case "redshift-serverless":
      return [`${begin}:workgroup/${resourceId}`];
    case "rds-db":
      return [`${begin}:dbuser:${resourceId}/${literal(user)}`];
    case "redshift": {
      const database = `${begin}:dbname:${resourceId}/${literal(dbname)}`;
      const users =
        user === REDSHIFT_IDENTITY ? [] : [`${begin}:dbuser:${resourceId}/${literal(user)}`];
      return [...users, database];
    }
  }
}

// In a policy * and ? match anything, and $ begins a variable.
function literal(name: string): string {
  return name.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
}

/** The minimal policy for a login. */
export function connectPolicy(permission: ConnectPermission): PolicyDocument {
  const allow = (Action: string, resources: readonly string[]) => {
    const [first = ""] = resources;
    return {
      Effect: "Allow",
      Action,
      Resource: resources.length === 1 ? first : resources,
    } as const;
  };
  const { account, groups = [], partition, region, resourceId } = permission;
  const joined = groups.map(
    (group) =>
      `arn:${partition}:redshift:${region}:${account}:dbgroup:${resourceId}/${literal(group)}`,
  );
  const statement = allow(connectAction(permission), connectResources(permission));
  const joining = joined.length === 0 ? [] : [allow("redshift:JoinGroup", joined)];
  return { Version: "2012-10-17", Statement: [statement, ...joining] };
}

/** The IAM role or user of an identity's ARN, as far as it shows: an assumed role has lost its path. */
export function iamArn(arn: string | undefined): string | undefined {
  const [, partition, account, name] = ASSUMED_ROLE.exec(arn ?? "") ?? [];
  return name === undefined ? arn : `arn:${partition}:iam::${account}:role/${name}`;
}

/** How to give that policy to the identity of an ARN; `command` prints it. */
export function attachAdvice(arn: string | undefined, command: string): string {
  const rest = `--policy-name rdsiam-connect --policy-document "$(${command})"`;
  const role = ASSUMED_ROLE.exec(arn ?? "")?.[3];
  if (role?.startsWith("AWSReservedSSO_") === true) {
    return `Add the policy to the permission set behind ${role} in IAM Identity Center; print it with: ${command}`;
  }
  if (role !== undefined) return `Allow it: aws iam put-role-policy --role-name ${role} ${rest}`;
  const user = /:user\/(?:.*\/)?([^/]+)$/.exec(arn ?? "")?.[1];
  return user === undefined
    ? `Attach the policy to the identity; print it with: ${command}`
    : `Allow it: aws iam put-user-policy --user-name ${user} ${rest}`;
}
