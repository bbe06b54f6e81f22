// `rdsiam demo`: the whole program on a local stand-in for RDS, STS and DNS; no AWS account, nothing left behind.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { onSignals } from "../runtime/stop-signals.ts";
import { findTool } from "../tool/find-tool.ts";
import { runTool } from "../tool/run.ts";
import type { Invocation } from "../cli/options.ts";
import { RdsIamError } from "../base/errors.ts";
import type { Environment, RunContext } from "../base/context.ts";
import { openIamLogin } from "../session/login.ts";
import { openProxy } from "../session/open-proxy.ts";
import { quoteForShell } from "../base/shell-word.ts";

const TARGET = "prod";
const EXAMPLE_QUERY = "select current_user, count(*) as orders from orders";

/** Runs the demo; resolves with the exit status of psql, or of the command behind `--`. */
export async function runDemo(context: RunContext, invocation: Invocation): Promise<number> {
  const { startStandIn } = await import("../demo/stand-in.ts");
  context.log.notice("demo: starting a stand-in for RDS, STS and DNS on this machine");
  // While the stand-in starts, a signal waits until it can be stopped.
  let held: NodeJS.Signals | undefined;
  using _ = onSignals(["SIGINT", "SIGTERM", "SIGHUP"], (signal) => (held ??= signal));
  const from = [process.cwd(), dirname(process.argv[1] ?? "")];
  await using standIn = await startStandIn({ env: context.env, from });
  if (held !== undefined) return 128 + constants.signals[held];
  const env = demoEnvironment(context.env, standIn.env, {
    bin: await installSelf(standIn.directory),
    verbose: invocation.options.verbose ?? false,
  });
  const [command, ...args] = invocation.dashes
    ? invocation.tail
    : ["rdsiam", "psql", TARGET, ...invocation.tail];
  if (command === undefined) {
    throw new RdsIamError("no command to run", {
      code: "ERR_USAGE",
      hint: "Run: rdsiam demo -- COMMAND [arguments...]",
    });
  }
  if (!invocation.dashes && !(await hasPsql(context)))
    return await queryWithoutPsql({ ...context, env }, invocation.tail);
  const file = await findTool(command, env);
  if (
    /^(?:(?:ba|da|z|k)?sh|fish)$/.test(basename(file)) &&
    args.every((word) => word.startsWith("-"))
  )
    context.log.notice(
      "Try: rdsiam psql prod  |  rdsiam doctor prod  |  rdsiam exec prod pg_dump -s",
    );
  const { exitStatus } = await runTool({ file, args, env, signal: context.failed });
  return exitStatus;
}

// The user's own AWS and rdsiam settings must not reach the stand-in, nor the stand-in's the user's.
function demoEnvironment(
  own: Environment,
  standIn: Environment,
  { bin, verbose }: { bin: string; verbose: boolean },
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (
      value !== undefined &&
      !/^(?:AWS_|RDSIAM_)/.test(name) &&
      !/^(?:https?|no|all)_proxy$/i.test(name)
    )
      env[name] = value;
  }
  for (const [name, value] of Object.entries(standIn)) if (value !== undefined) env[name] = value;
  env["RDSIAM_VERBOSE"] = verbose ? "1" : "0";
  env["PATH"] = `${bin}:${own["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}`;
  return env;
}

// The demo's shell runs the real rdsiam, not a function of it.
async function installSelf(directory: string): Promise<string> {
  const bin = join(directory, "bin");
  const file = join(bin, "rdsiam");
  const words = selfCommand().map(quoteForShell);
  await mkdir(bin, { recursive: true });
  await writeFile(file, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`);
  await chmod(file, 0o755);
  return bin;
}

/** The words that start rdsiam as it was started: runtime, its flags, script; the binary is one word. */
function selfCommand(): readonly string[] {
  const [, script = ""] = process.argv;
  // A Bun binary's script lies in a file system of its own inside the executable.
  if (script.startsWith("/$bunfs/") || script.startsWith("B:\\~BUN")) return [process.execPath];
  if ("deno" in process.versions) return [process.execPath, "run", "--allow-all", script];
  return [process.execPath, ...process.execArgv, script];
}

async function hasPsql(context: RunContext): Promise<boolean> {
  try {
    await findTool("psql", context.env);
    return true;
  } catch {
    return false;
  }
}

// The same path through the program, with node-postgres as the tool, in this process.
async function queryWithoutPsql(context: RunContext, args: readonly string[]): Promise<number> {
  context.log.always(
    "rdsiam: psql was not found, so the demo runs one query with node-postgres instead",
  );
  const { runQuery } = await import("../demo/query.ts");
  const flag = args.findIndex((word) => /^-\w*c$/.test(word) || word === "--command");
  const text = (flag < 0 ? undefined : args[flag + 1]) ?? EXAMPLE_QUERY;
  const unaligned = args.some((word) => /^-\w*A/.test(word));
  const target = await openIamLogin(
    { ...context, home: context.env["HOME"] ?? context.home },
    { targetName: TARGET, options: {} },
  );
  await using proxy = await openProxy(context, target, { port: 0 });
  const { host, port, secret: password } = proxy;
  const login = { host, port, user: target.user, database: target.dbname, password };
  context.print((await runQuery(text, { ...login, tuplesOnly: unaligned })).trimEnd());
  return 0;
}
