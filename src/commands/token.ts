// `rdsiam token`: prints an auth token, for tools that run a password command.
import type { Invocation } from "../options.ts";
import { openAccess, type RunContext } from "../session.ts";

/** Prints the token, with --json together with what it was signed for. */
export async function runToken(context: RunContext, invocation: Invocation): Promise<number> {
  const access = await openAccess(context, {
    targetName: invocation.target,
    options: invocation.options,
  });
  const { token, expiresAt, host, port, region, user } = await access.authToken(access.user);
  if (!invocation.options.json) {
    context.print(token);
    return 0;
  }
  context.print(
    JSON.stringify({ token, expiresAt: expiresAt.toISOString(), host, port, region, user }),
  );
  return 0;
}
