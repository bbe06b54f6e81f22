// `rdsiam psql`: psql on a target; everything after the target is psql's own.
import { findTool } from "../tool/find-tool.ts";
import { type Invocation, isOn } from "../cli/options.ts";
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
  const tool = { file, args: invocation.tail, localPort: port };
  if (isOn(invocation.options, context.env, "direct")) {
    const { runDirect } = await import("../session/run-direct.ts");
    return runDirect(context, request, tool);
  }
  return runOnTarget(context, request, tool);
}
