// The IAM policy that allows logins to one database as one user, and nothing else.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html

import { DSQL_ADMIN } from "../base/dsql.ts";

const ASSUMED_ROLE = /^arn:([^:]+):sts::([^:]*):assumed-role\/([^/]+)\//;

/** What a login needs in IAM; a part that is not known is a placeholder. */
export interface ConnectPermission {
  readonly service: "dsql" | "rds-db";
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** db-..., cluster-... or prx-...; of DSQL the cluster's ID. */
  readonly resourceId: string;
  readonly user: string;
}

/** An IAM policy document with one statement. */
export interface PolicyDocument {
  readonly Version: "2012-10-17";
  readonly Statement: readonly {
    readonly Effect: "Allow";
    readonly Action: string;
    readonly Resource: string;
  }[];
}

/** The action that IAM must allow. */
export function connectAction({ service, user }: ConnectPermission): string {
  if (service === "rds-db") return "rds-db:connect";
  return user === DSQL_ADMIN ? "dsql:DbConnectAdmin" : "dsql:DbConnect";
}

/** The ARN that it must be allowed on. */
export function connectResource(permission: ConnectPermission): string {
  const { account, partition, region, resourceId, service, user } = permission;
  if (service === "dsql") return `arn:${partition}:dsql:${region}:${account}:cluster/${resourceId}`;
  // In a policy * and ? match anything, and $ begins a variable.
  const literal = user.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
  return `arn:${partition}:rds-db:${region}:${account}:dbuser:${resourceId}/${literal}`;
}

/** The minimal policy for a login. */
export function connectPolicy(permission: ConnectPermission): PolicyDocument {
  const Resource = connectResource(permission);
  const statement = { Effect: "Allow", Action: connectAction(permission), Resource } as const;
  return { Version: "2012-10-17", Statement: [statement] };
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
