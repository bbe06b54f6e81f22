// `rdsiam setup`: makes a database ready for logins with IAM. Shows the plan, asks once, does it, and runs rdsiam doctor.
import { readFileSync } from "node:fs";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { agrees, type RunContext } from "../base/context.ts";
import { type Invocation, isOn, type Options, optionValue } from "../cli/options.ts";
import { shellCommand } from "../system/shell-word.ts";
import { offerTargets } from "../session/offer-targets.ts";
import type { StatementFile } from "../setup/plan.ts";
import type { Setup, SetupRequest } from "../setup/setup.ts";
import { runDoctor } from "./doctor.ts";
import { adviseOnPolicy, warnOfMissing } from "./policy.ts";

const SCHEMA = "public";

/** Resolves with the exit status of rdsiam doctor, and with 0 for --print. */
export async function runSetup(context: RunContext, invocation: Invocation): Promise<number> {
  const { options, target: targetName } = invocation;
  const { env, log, print } = context;
  const offered = await offerTargets(context, { targetName, options });
  const { prepareSetup } = await import("../setup/setup.ts");
  const { headline, planLines, planScript } = await import("../setup/text.ts");
  const setup = await prepareSetup(context, { ...readOptions(context, invocation), ...offered });
  if (isOn(options, env, "print")) {
    for (const line of planScript(setup)) print(line);
    printPolicy(context, { setup, options }, (line) => print(`# ${line}`));
    return 0;
  }
  const { steps } = setup;
  print(headline(setup));
  print("");
  if (steps.length === 0) print("Nothing to do: the database is ready.");
  for (const line of planLines(steps)) print(line);
  printPolicy(context, { setup, options }, print);
  if (steps.length > 0) {
    await confirm(context, invocation, steps.length);
    print("");
    await setup.run((step) => print(`done  ${steps.indexOf(step) + 1}. ${step.title}`));
  }
  print("");
  log.notice("checking the login");
  return await runDoctor(context, { ...invocation, target: offered.targetName });
}

function readOptions(
  { env }: RunContext,
  { options, values }: Invocation,
): Omit<SetupRequest, "options" | "targetName"> {
  const grant = optionValue(options, env, "grant");
  const level = grant === "read" || grant === "write" ? grant : undefined;
  const file = grant === undefined || level !== undefined ? undefined : readStatements(grant);
  const one = optionValue(options, env, "schema");
  const schemas = values.schema ?? (one === undefined ? undefined : one.split(","));
  if (schemas !== undefined && level === undefined) {
    throw new RdsIamError("--schema needs --grant read or --grant write", {
      code: "ERR_USAGE",
      detail: "It sets where the user may read or write.",
    });
  }
  return {
    admin: {
      secret: optionValue(options, env, "adminSecret"),
      target: optionValue(options, env, "adminTarget"),
      passwordCommand: optionValue(options, env, "adminPasswordCommand"),
    },
    level,
    file,
    schemas: [...new Set(schemas ?? [SCHEMA])],
    attach: optionValue(options, env, "attachPolicy"),
  };
}

function readStatements(path: string): StatementFile {
  const bytes = readBytes(path);
  try {
    // As psql does, without a byte order mark at its start.
    return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch (error) {
    throw new RdsIamError(`${path} is not UTF-8`, {
      code: "ERR_USAGE",
      detail: "Its statements would reach the database with other characters.",
      hint: shellCommand`Convert it, for example: iconv -f LATIN1 -t UTF-8 ${path}`,
      cause: error,
    });
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new RdsIamError(`cannot read ${path}: ${errorCode(error)}`, {
      code: "ERR_USAGE",
      detail: "--grant takes read, write, or a file of SQL statements.",
      cause: error,
    });
  }
}

// What IAM must allow, where nothing attaches it and nothing shows that it is.
function printPolicy(
  context: RunContext,
  { setup, options }: { readonly setup: Setup; readonly options: Options },
  print: (line: string) => void,
): void {
  const { document, found, isAllowed, login, policy } = setup;
  if (policy !== undefined || isAllowed === true) return;
  print("");
  print("IAM must allow this, which --attach-policy ROLE|USER attaches:");
  for (const line of JSON.stringify(document, undefined, 2).split("\n")) print(line);
  adviseOnPolicy(context, { login, options }, found);
  warnOfMissing(context, found);
}

async function confirm(
  { env, terminal }: RunContext,
  { options }: Invocation,
  count: number,
): Promise<void> {
  if (isOn(options, env, "yes")) return;
  if (!terminal.isThere()) {
    throw new RdsIamError("there is no terminal to ask on, so nothing was changed", {
      code: "ERR_USAGE",
      hint: "Add --yes to do it without a question, or --print for a script.",
    });
  }
  const question = count === 1 ? "Do this?" : `Do these ${count} steps?`;
  if (await agrees(terminal, `\n${question}`, "no")) return;
  throw new RdsIamError("nothing was changed", { code: "ERR_INTERRUPTED" });
}
