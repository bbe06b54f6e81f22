// `rdsiam token`: prints an auth token, for tools that run a password command.
import { type Invocation, isOn } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { type Access, openAccess } from "../session/session.ts";

/** Prints the token, with --json together with what it was signed for; --check asks AWS first whose it will be. */
export async function runToken(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const access = await openAccess(context, { targetName, options });
  if (isOn(options, context.env, "check")) await tellCaller(context, access);
  const { token, expiresAt, host, port, region, user } = await access.authToken(access.user);
  if (!isOn(options, context.env, "json")) {
    context.print(token);
    return 0;
  }
  context.print(
    JSON.stringify({ token, expiresAt: expiresAt.toISOString(), host, port, region, user }),
  );
  return 0;
}

// A token is signed without asking AWS, so that of dead credentials is noticed only by the database.
async function tellCaller(context: RunContext, access: Access): Promise<void> {
  const { identify } = await import("../session/caller.ts");
  const credentials = await access.credentials();
  const { arn, account } = await identify(context, access, credentials);
  context.log.always(`rdsiam: signed by ${arn} (account ${account}), ${credentials.source}`);
}
