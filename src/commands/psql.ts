// `rdsiam psql`: psql on a target; everything after the target is psql's own.
import { findTool } from "../child/find-tool.ts";
import type { Invocation } from "../cli.ts";
import { type RunContext, runOnTarget } from "../session.ts";
import { localPort } from "./local-port.ts";
import { refuseOtherServer } from "./psql-arguments.ts";

/** Runs psql; resolves with the exit status. */
export async function runPsql(context: RunContext, invocation: Invocation): Promise<number> {
  refuseOtherServer(invocation.tail);
  const file = await findTool("psql", context.env);
  const request = { targetName: invocation.target, options: invocation.options };
  return runOnTarget(context, request, { file, args: invocation.tail, localPort: localPort(invocation.options, context.env) });
}
