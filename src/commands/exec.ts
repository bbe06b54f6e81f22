// `rdsiam exec`: any tool, on one target or several. It reads the PG* variables, a URL in a variable, or its arguments.
import { programName } from "../system/program.ts";
import { findTool } from "../tool/find-tool.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { type Invocation, isOn, longOptions, optionValue } from "../cli/options.ts";
import type { RunContext } from "../base/context.ts";
import { runOnTargets, type ToolCommand } from "../session/run-tool.ts";
import { isForEach, readTargets, refuseForSeveral } from "./exec-targets.ts";
import {
  checkTemplate,
  type Fitting,
  fitWords,
  readVariables,
  refuseOfProxy,
  VARIABLE_NAME,
} from "./exec-words.ts";
import { refuseOtherServer } from "../tool/tool-arguments.ts";
import { localPort } from "./local-port.ts";

/** Runs the tool; resolves with its exit status. */
export async function runExec(context: RunContext, invocation: Invocation): Promise<number> {
  const { options } = invocation;
  const isEach = isForEach(invocation, context.env);
  const { targets, tail } = readTargets(invocation, isEach);
  const [name, ...args] = tail;
  if (name === undefined) throw noCommand(invocation);
  const prefixes = targets.map(({ prefix }) => prefix);
  const fitting = readFitting(context, invocation, prefixes);
  if (options.template) checkTemplate(args, prefixes);
  const isOne = prefixes.every((prefix) => prefix === "");
  if (!isOne || isEach) refuseForSeveral(options, context.env);
  if (prefixes.includes(""))
    refuseOtherServer({
      file: name,
      args,
      command: "exec",
      target: targets[0]?.target,
      own: longOptions("exec"),
      template: fitting.template,
    });
  const file = await findTool(name, context.env);
  warnOfUrls(context, name, fitting);
  const fit = (command: ToolCommand): ToolCommand => fitWords(command, fitting);
  if (isEach) {
    const { runForEach } = await import("./exec-each.ts");
    return runForEach(context, invocation, { name, tool: { file, args, fit } });
  }
  const requests = targets.map(({ prefix, target }) => ({ prefix, targetName: target, options }));
  return runOnTargets(context, requests, {
    file,
    args,
    localPort: isOne ? localPort(options, context.env) : undefined,
    fit,
  });
}

// A URL left in the shell leads a tool that reads it past rdsiam, to another database. PostgreSQL's own tools read none.
function warnOfUrls({ env, log }: RunContext, tool: string, fitting: Fitting): void {
  if (
    /^(?:psql|pg_?[a-z]+|(?:create|drop|cluster|reindex|vacuum)(?:db|user))$/.test(
      programName(tool),
    )
  )
    return;
  const set = new Set([fitting.urlVariable, ...fitting.variables.map(([name]) => name)]);
  const left = Object.keys(env).filter(
    (name) => !set.has(name) && /^(?:jdbc:)?postgres(?:ql)?:/.test(env[name] ?? ""),
  );
  const [first] = left;
  if (first === undefined) return;
  log.warning({
    message: `${left.join(", ")} in the environment names a database, and is passed to ${programName(tool)}`,
    detail: "A tool that reads it connects there, and not through rdsiam.",
    hint: `To set it to this database: --database-url=${first}; to leave it out: env -u ${first} rdsiam exec ...`,
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
  if (urlVariable !== undefined) refuseOfProxy("--database-url", urlVariable, prefixes);
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
