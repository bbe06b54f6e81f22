// `rdsiam psql`: psql on a target; everything after the target is psql's own.
import type { RunContext } from "../base/context.ts";
import { type Invocation, longOptions } from "../cli/options.ts";
import { runOnTargets } from "../session/run-tool.ts";
import { findTool } from "../tool/find-tool.ts";
import { psqlUser, refuseOtherServer } from "../tool/tool-arguments.ts";
import { localPort } from "./local-port.ts";

/** Runs psql; resolves with the exit status. */
export async function runPsql(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, tail, target } = invocation;
  const own = longOptions("psql");
  refuseOtherServer({ file: "psql", args: tail, command: "psql", target, own });
  const file = await findTool("psql", context.env);
  const user = options.user ?? psqlUser(tail);
  const request = { prefix: "", targetName: target, options: { ...options, user } };
  const tool = { file, args: tail, localPort: localPort(options, context.env) };
  return runOnTargets(context, [request], tool);
}
