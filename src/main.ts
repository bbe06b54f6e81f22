// The process edge: argv, environment, streams, exit status, and the one catch.
import { homedir } from "node:os";
import process from "node:process";
import { cutArgv } from "./argv.ts";
import { guardInspectorSignal, toolEnded } from "./child/run.ts";
import { printHelp, readInvocation } from "./cli.ts";
import { refuseDebuggers } from "./debuggers.ts";
import { createLog } from "./log.ts";
import type { Invocation } from "./options.ts";
import { errorLines, exitStatusOf } from "./report.ts";
import type { RunContext } from "./session.ts";
import { unlessFailed, watchUncaught } from "./uncaught.ts";
import { VERSION } from "./version.ts";

async function main(): Promise<number> {
  // The environment as it was given: what a library sets in ours must not reach the tool.
  const env = { ...process.env };
  // It would switch off verification in every library that does not say otherwise, STS's included; the tool still has it.
  delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  let log = createLog({ write: writeError, verbose: false, notices: false });
  let verbose = false;
  const failed = watchUncaught();
  try {
    const cut = cutArgv(process.argv.slice(2));
    const invocation = readInvocation(cut);
    const { options } = invocation;
    verbose = options.verbose ?? env["RDSIAM_VERBOSE"] === "1";
    const notices = process.stderr.isTTY === true && !options.quiet && env["RDSIAM_QUIET"] !== "1";
    log = createLog({ write: writeError, verbose, notices });
    if (invocation.command === "version") print(VERSION);
    else if (invocation.command === "help") printHelp(cut);
    else {
      const context = { env, home: env["HOME"] || homedir(), log, print, failed };
      return await unlessFailed(run(context, invocation), failed, toolEnded);
    }
    // `rdsiam` alone is a question about how to use it; an asked-for help is an answer.
    return invocation.command === "help" && !options.help ? 125 : 0;
  } catch (error) {
    for (const line of errorLines(error, verbose)) log.always(line);
    return exitStatusOf(error);
  }
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
    case "token":
      return (await import("./commands/token.ts")).runToken(context, invocation);
    case "list":
      return (await import("./commands/list.ts")).runList(context, invocation);
    case "discover":
      return (await import("./commands/discover.ts")).runDiscover(context, invocation);
    case "ca":
      return (await import("./commands/ca.ts")).runCaUpdate(context, invocation);
    case "demo":
      return (await import("./commands/demo.ts")).runDemo(context, invocation);
    case "help":
    case "version":
      return 0;
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function writeError(text: string): void {
  process.stderr.write(text);
}

// A reader that has gone (`rdsiam list | head -1`), or a terminal that was closed, is no failure.
process.stdout.on("error", () => {});
process.stderr.on("error", () => {});

void main().then((status) => {
  // A library's open keep-alive connection must not hold the process; what was printed is out first.
  process.exitCode = status;
  process.stdout.write("", () => process.stderr.write("", () => process.exit(status)));
});
