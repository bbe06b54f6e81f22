// The IAM policy that allows logins to one database as one user, and nothing else.
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html

/** What a login needs in IAM; a part that is not known is a placeholder. */
export interface ConnectPermission {
  readonly partition: string;
  readonly region: string;
  readonly account: string;
  /** db-..., cluster-... or prx-... */
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

/** The ARN that rds-db:connect is allowed on. */
export function connectResource(permission: ConnectPermission): string {
  const { account, partition, region, resourceId, user } = permission;
  // In a policy * and ? match anything, and $ begins a variable.
  const literal = user.replaceAll(/[*?$]/g, (character) => `\${${character}}`);
  return `arn:${partition}:rds-db:${region}:${account}:dbuser:${resourceId}/${literal}`;
}

/** The minimal policy for a login. */
export function connectPolicy(permission: ConnectPermission): PolicyDocument {
  const Resource = connectResource(permission);
  const statement = { Effect: "Allow", Action: "rds-db:connect", Resource } as const;
  return { Version: "2012-10-17", Statement: [statement] };
}

/** How to give that policy to the identity of an ARN; `command` prints it. */
export function attachAdvice(arn: string | undefined, command: string): string {
  const rest = `--policy-name rdsiam-connect --policy-document "$(${command})"`;
  const role = /:assumed-role\/([^/]+)\//.exec(arn ?? "")?.[1];
  if (role?.startsWith("AWSReservedSSO_") === true) {
    return `Add the policy to the permission set behind ${role} in IAM Identity Center; print it with: ${command}`;
  }
  if (role !== undefined) return `Allow it: aws iam put-role-policy --role-name ${role} ${rest}`;
  const user = /:user\/(?:.*\/)?([^/]+)$/.exec(arn ?? "")?.[1];
  return user === undefined
    ? `Attach the policy to the identity; print it with: ${command}`
    : `Allow it: aws iam put-user-policy --user-name ${user} ${rest}`;
}
