// `rdsiam psql`: psql on a target; everything after the target is psql's own.
import type { Environment, RunContext } from "../base/context.ts";
import { type Color, COLORS, hasColour } from "../base/style.ts";
import { type Invocation, longOptions } from "../cli/options.ts";
import { isTerminal } from "../runtime/stdio.ts";
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
  return runOnTargets(context, [request], {
    file,
    args: tail,
    localPort: localPort(options, context.env),
    fit: ({ args, env }, [settings]) => ({ args: [...prompt(settings?.color, env), ...args], env }),
  });
}

// psql reads -v before psqlrc, so that a PROMPT1 there wins, and so does one in the arguments that follow. %[ and %] enclose what
// takes no room, %033 is ESC. https://www.postgresql.org/docs/current/app-psql.html#APP-PSQL-PROMPTING
function prompt(color: Color | undefined, env: Environment): readonly string[] {
  if (color === undefined || !hasColour({ isTTY: isTerminal(1) }, env)) return [];
  const number = 30 + COLORS.indexOf(color);
  return ["-v", `PROMPT1=%[%033[1;${number}m%]%/%R%x%#%[%033[0m%] `];
}
