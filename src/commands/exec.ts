// `rdsiam exec`: any tool that reads the PG* variables, on a target.
import type { Invocation } from "../options.ts";
import { findTool } from "../child/find-tool.ts";
import { RdsIamError } from "../errors.ts";
import { type RunContext, runOnTarget } from "../session.ts";
import { localPort } from "./local-port.ts";

/** Runs the tool; resolves with its exit status. */
export async function runExec(context: RunContext, invocation: Invocation): Promise<number> {
  const [name, ...args] = invocation.tail;
  if (name === undefined) throw noCommand(invocation);
  const file = await findTool(name, context.env);
  const request = { targetName: invocation.target, options: invocation.options };
  return runOnTarget(context, request, {
    file,
    args,
    localPort: localPort(invocation.options, context.env),
  });
}

function noCommand({ target }: Invocation): RdsIamError {
  const hint =
    target === undefined
      ? "Run: rdsiam exec TARGET COMMAND [arguments...]"
      : `Run: rdsiam exec ${target} COMMAND, or rdsiam exec -- ${target} if that is the command.`;
  return new RdsIamError("no command to run", { code: "ERR_USAGE", hint });
}
