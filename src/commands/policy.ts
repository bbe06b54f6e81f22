// `rdsiam policy`: the minimal IAM policy and the GRANTs that the target's user needs to log in.
import { attachAdvice, connectPolicy, iamArn } from "../aws/connect-policy.ts";
import type { FoundPermission } from "../session/permission.ts";
import { type Invocation, isOn, type Options } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { loginWords } from "../session/settings.ts";
import { type IamLogin, openIamLogin } from "../session/login.ts";

/** Prints the policy and the GRANTs; with --json the policy document alone, for `aws iam create-policy`. */
export async function runPolicy(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const login = await openIamLogin(context, { targetName, options });
  const { dbname, endpoint, user } = login;
  const { kind } = endpoint;
  const { findPermission } = await import("../session/permission.ts");
  const found = await findPermission(context, login);
  const document = JSON.stringify(connectPolicy(found.permission), undefined, 2);
  context.print(document);
  if (!isOn(options, context.env, "json")) {
    const { exampleGrants, grantServer, grantStatements } = await import("../rds/grants.ts");
    const server = grantServer(kind);
    const grantee = { user, dbname, server, iamArn: iamArn(found.caller?.arn) };
    context.print("\n-- SQL, as an administrator of the database:");
    const statements = grantStatements(grantee);
    for (const line of [...statements, ...exampleGrants(grantee)]) context.print(line);
    adviseOnPolicy(context, { login, options }, found);
  }
  warnOfMissing(context, found);
  const { resource } = found;
  if (resource?.iam === false) {
    context.log.warning({
      message: `IAM authentication is off for ${resource.resourceId}`,
      hint: `Switch it on: ${resource.switchOn}`,
    });
  }
  return 0;
}

/** Says who needs a policy that was printed, and how to attach it. */
export function adviseOnPolicy(
  { log }: RunContext,
  { login, options }: { readonly login: IamLogin; readonly options: Options },
  { caller }: FoundPermission,
): void {
  const words = loginWords(login, options, "policy");
  const advice = attachAdvice(caller?.arn, `rdsiam policy ${words} --json`);
  log.notice(`for ${caller?.arn ?? "the identity that logs in"}. ${advice}`);
}

/** Says what has to be filled in there. */
export function warnOfMissing({ log }: RunContext, { missing }: FoundPermission): void {
  for (const { command, placeholder, why } of missing) {
    log.warning({
      message: `${placeholder} is not known: ${why}`,
      hint: `Replace it with the output of: ${command}`,
    });
  }
}
