// `rdsiam exec`: any tool, on one target or several. It reads the PG* variables, a URL in a variable, or its arguments.
import { findTool } from "../tool/find-tool.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../base/shell-word.ts";
import { type Invocation, isOn, optionValue } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { runOnTargets } from "../session/run-tool.ts";
import { readTargets, refuseForSeveral } from "./exec-targets.ts";
import {
  checkTemplate,
  type Fitting,
  fitWords,
  readVariables,
  VARIABLE_NAME,
} from "./exec-words.ts";
import { refuseOtherServer } from "../tool/tool-arguments.ts";
import { localPort } from "./local-port.ts";

/** Runs the tool; resolves with its exit status. */
export async function runExec(context: RunContext, invocation: Invocation): Promise<number> {
  const { options } = invocation;
  const { targets, tail } = readTargets(invocation);
  const [name, ...args] = tail;
  if (name === undefined) throw noCommand(invocation);
  const prefixes = targets.map(({ prefix }) => prefix);
  const fitting = readFitting(context, invocation, prefixes);
  if (options.template) checkTemplate(args, prefixes);
  const isOne = prefixes.every((prefix) => prefix === "");
  if (!isOne) refuseForSeveral(options, context.env);
  // --template fills in the proxy's own host and port.
  if (prefixes.includes("") && !fitting.template)
    refuseOtherServer({ file: name, args, command: "exec" });
  const file = await findTool(name, context.env);
  const requests = targets.map(({ prefix, target }) => ({ prefix, targetName: target, options }));
  return runOnTargets(context, requests, {
    file,
    args,
    localPort: isOne ? localPort(options, context.env) : undefined,
    fit: (command) => fitWords(command, fitting),
  });
}

function readFitting(
  { env }: RunContext,
  { options, values }: Invocation,
  prefixes: readonly string[],
): Fitting {
  const urlVariable = optionValue(options, env, "databaseUrl");
  if (urlVariable !== undefined && !VARIABLE_NAME.test(urlVariable)) {
    throw new RdsIamError("--database-url (RDSIAM_DATABASE_URL) is not a valid variable name", {
      code: "ERR_USAGE",
      detail: "It names the variable that the tool reads its URL from; the URL is made by rdsiam.",
      hint: "Write --database-url alone for DATABASE_URL, or --database-url=NAME.",
    });
  }
  const given = values.env ?? [env["RDSIAM_ENV"] ?? ""].filter((text) => text !== "");
  const variables = readVariables(given, prefixes);
  return { prefixes, urlVariable, template: isOn(options, env, "template"), variables };
}

function noCommand({ target, values }: Invocation): RdsIamError {
  if (values.target !== undefined) {
    const hint = `Run: rdsiam exec ${values.target.map((each) => shellCommand`--target ${each}`).join(" ")} -- COMMAND [arguments...]`;
    return new RdsIamError("no command to run", { code: "ERR_USAGE", hint });
  }
  const hint =
    target === undefined
      ? "Run: rdsiam exec TARGET COMMAND [arguments...]"
      : shellCommand`Run: rdsiam exec ${target} COMMAND, or rdsiam exec -- ${target} if that is the command.`;
  return new RdsIamError("no command to run", { code: "ERR_USAGE", hint });
}
