// `rdsiam psql`: psql on a target; everything after the target is psql's own.
import { findTool } from "../tool/find-tool.ts";
import type { Invocation } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { runOnTarget } from "../session/run-tool.ts";
import { localPort } from "./local-port.ts";
import { psqlUser, refuseOtherServer } from "./psql-arguments.ts";

/** Runs psql; resolves with the exit status. */
export async function runPsql(context: RunContext, invocation: Invocation): Promise<number> {
  refuseOtherServer(invocation.tail);
  const file = await findTool("psql", context.env);
  const user = invocation.options.user ?? psqlUser(invocation.tail);
  const request = { targetName: invocation.target, options: { ...invocation.options, user } };
  const port = localPort(invocation.options, context.env);
  return runOnTarget(context, request, { file, args: invocation.tail, localPort: port });
}
