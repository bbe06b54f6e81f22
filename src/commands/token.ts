// `rdsiam token`: prints an auth token, for tools that take a password.
import { type Invocation, isOn } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { type IamLogin, openIamLogin } from "../session/login.ts";

/** Prints the token, with --json and what it was signed for; --check first gets the identity from AWS STS. */
export async function runToken(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const login = await openIamLogin(context, { targetName, options });
  if (isOn(options, context.env, "check")) await printCaller(context, login);
  const { token, expiresAt, host, port, region, user } = await login.authToken(login.user);
  if (!isOn(options, context.env, "json")) {
    context.print(token);
    return 0;
  }
  context.print(
    JSON.stringify({ token, expiresAt: expiresAt.toISOString(), host, port, region, user }),
  );
  return 0;
}

// A token is signed without a call to AWS, so only the database would notice that the credentials are invalid.
async function printCaller(context: RunContext, login: IamLogin): Promise<void> {
  const { identify } = await import("../session/credentials.ts");
  const credentials = await login.credentials();
  const run = { ...login, region: login.endpoint.region };
  const { arn, account } = await identify(context, run, credentials);
  context.log.always(`rdsiam: signed by ${arn} (account ${account}), ${credentials.source}`);
}
