// The process edge: argv, environment, streams, exit status, and the one catch.
import { homedir } from "node:os";
import process from "node:process";
import { cutArgv } from "./cli/argv.ts";
import { readInvocation } from "./cli/parse.ts";
import { guardInspectorSignal, refuseDebuggers } from "./runtime/debuggers.ts";
import { createLog, type LogOptions } from "./base/log.ts";
import { type Invocation, type Options, valueOrTwin } from "./cli/options.ts";
import { exitStatusOf, problemOf } from "./base/problem.ts";
import type { RunContext } from "./base/context.ts";
import { isTerminal, writeText } from "./runtime/stdio.ts";
import { paintLabels, type Style, styleFor } from "./base/style.ts";
import { unlessFailed, watchUncaught } from "./runtime/uncaught.ts";
import { createWaiting } from "./base/waiting.ts";
import { VERSION } from "./base/version.ts";

const TERMINAL = {
  write: (text: string) => writeText(2, text),
  columns: () => process.stderr.columns || 80,
};
let waiting = createWaiting({ ...TERMINAL, isOn: false });

async function main(): Promise<number> {
  // The environment as it was given: what a library sets in ours must not reach the tool.
  const env = { ...process.env };
  // It would switch off verification in every library that does not say otherwise, STS's included; the tool still has it.
  delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  const format = env["RDSIAM_LOG_FORMAT"] === "json" ? "json" : "text";
  let log = createLog({ write: writeError, verbose: false, notices: false, format });
  const failed = watchUncaught();
  try {
    const cut = cutArgv(process.argv.slice(2));
    const invocation = readInvocation(cut);
    const { options } = invocation;
    const how = logOptions(options, env);
    log = createLog({ write: writeError, ...how });
    waiting = createWaiting({
      ...TERMINAL,
      isOn: how.notices && how.format === "text" && hasEraser(env),
    });
    if (invocation.command === "version") print(VERSION);
    else if (invocation.command === "help") {
      const { helpText } = await import("./cli/help.ts");
      print(helpText(cut.command, { all: options.verbose ?? false, style: paint }));
    } else {
      const context = {
        env,
        home: env["HOME"] || homedir(),
        log,
        print,
        style: paint,
        width,
        waiting,
        failed,
      };
      return await unlessFailed(run(context, invocation), failed, toolEnded);
    }
    // `rdsiam` alone is a question about how to use it; an asked-for help is an answer.
    return invocation.command === "help" && !options.help ? 125 : 0;
  } catch (error) {
    log.error(problemOf(error));
    return exitStatusOf(error);
  }
}

function hasEraser(env: RunContext["env"]): boolean {
  return isTerminal(2) && env["TERM"] !== "dumb" && Boolean(env["TERM"]);
}

function logOptions(options: Options, env: RunContext["env"]): Omit<LogOptions, "write"> {
  const format = valueOrTwin(options, env, "logFormat") === "json" ? "json" : "text";
  const quiet = options.quiet ?? env["RDSIAM_QUIET"] === "1";
  // A line of JSON is for a machine, which has no terminal.
  const notices = !quiet && (format === "json" || isTerminal(2));
  return { format, verbose: options.verbose ?? env["RDSIAM_VERBOSE"] === "1", notices };
}

async function run(context: RunContext, invocation: Invocation): Promise<number> {
  const isDeno = "deno" in process.versions;
  refuseDebuggers({ env: context.env, execArgv: process.execArgv, isDeno });
  guardInspectorSignal();
  switch (invocation.command) {
    case "psql":
      return (await import("./commands/psql.ts")).runPsql(context, invocation);
    case "exec":
      return (await import("./commands/exec.ts")).runExec(context, invocation);
    case "proxy":
      return (await import("./commands/proxy.ts")).runProxy(context, invocation);
    case "token":
      return (await import("./commands/token.ts")).runToken(context, invocation);
    case "url":
      return (await import("./commands/url.ts")).runUrl(context, invocation);
    case "env":
      return (await import("./commands/env.ts")).runEnv(context, invocation);
    case "list":
      return (await import("./commands/list.ts")).runList(context, invocation);
    case "doctor":
      return (await import("./commands/doctor.ts")).runDoctor(context, invocation);
    case "policy":
      return (await import("./commands/policy.ts")).runPolicy(context, invocation);
    case "discover":
      return (await import("./commands/discover.ts")).runDiscover(context, invocation);
    case "ca":
      return (await import("./commands/ca.ts")).runCaUpdate(context, invocation);
    case "completion":
      return (await import("./commands/completion.ts")).runCompletion(context, invocation);
    case "relay":
      return (await import("./commands/relay.ts")).runRelay(context, invocation);
    case "demo":
      return (await import("./commands/demo.ts")).runDemo(context, invocation);
    case "help":
    case "version":
      return 0;
  }
}

function print(line: string): void {
  waiting.erase();
  writeText(1, `${line}\n`);
}

function writeError(text: string): void {
  waiting.erase();
  const style = styleFor({ isTTY: isTerminal(2) }, process.env);
  writeText(2, paintLabels(text, style));
}

// Most commands print nothing that could be painted, so nobody asks before whether stdout is a terminal.
function paint(...words: Parameters<Style>): string {
  return styleFor({ isTTY: isTerminal(1) }, process.env)(...words);
}

function width(): number | undefined {
  return isTerminal(1) ? process.stdout.columns || 80 : undefined;
}

async function toolEnded(): Promise<void> {
  const { toolEnded: ended } = await import("./tool/run.ts");
  return ended();
}

// A library's open keep-alive connection must not hold the process.
void main().then((status) => process.exit(status));
