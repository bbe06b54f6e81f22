// Runs a tool on many targets, some at a time: each with a proxy of its own, its output as whole lines or in files.
// Whatever may ask a question comes first, for all of them; one target that fails does not keep the others from theirs.
import { Buffer } from "node:buffer";
import { closeSync, fstatSync, openSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { RunContext } from "../base/context.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { type Log, loggingOnce } from "../base/log.ts";
import { exitStatusOf, problemOf } from "../base/problem.ts";
import { writeOutput, writeText } from "../runtime/stdio.ts";
import { toolEnded } from "../tool/run.ts";
import {
  openToolGroup,
  type OutputSink,
  type ToolGroup,
  type ToolOutput,
} from "../tool/run-group.ts";
import { sharedCredentials } from "./credentials.ts";
import { type KnownLogin, openToolLogins, runOnLogins, type Tool } from "./run-tool.ts";
import type { TargetRequest } from "./settings.ts";

/** A target of many, by its name. */
export interface EachRequest extends TargetRequest {
  readonly targetName: string;
}

/** How the runs are made. */
export interface EachOptions {
  /** How many run at a time. */
  readonly jobs: number;
  /** Where the output goes as TARGET.out and TARGET.err, instead of to stdout and stderr. */
  readonly outputDirectory: string | undefined;
}

/** How one target's run ended; undefined for one that was not begun. */
export interface EachResult {
  readonly target: string;
  readonly exitStatus: number | undefined;
}

/** How they all ended. */
export interface EachResults {
  /** In the order of the requests. */
  readonly results: readonly EachResult[];
  /** The signal that ended them. */
  readonly signal: NodeJS.Signals | undefined;
}

const CLEANUP_MS = 2_000; // that runs which had no tool yet get, once all are to end

/** Runs the tool on each target; what fails is logged with the target's name. */
export async function runOnEach(
  context: RunContext,
  requests: readonly EachRequest[],
  tool: Tool,
  { jobs, outputDirectory }: EachOptions,
): Promise<EachResults> {
  if (outputDirectory !== undefined) await makeDirectory(outputDirectory);
  const statuses = new Map<string, number>();
  const fail = (target: string, error: unknown): void => {
    logOf(context.log, target).error(problemOf(error));
    statuses.set(target, exitStatusOf(error));
  };
  const ready = await openAll(context, requests, tool, fail);
  context.terminal.giveAway();
  using group = openToolGroup();
  const todo = ready.entries();
  const work = async (): Promise<void> => {
    for (const [target, login] of todo) {
      if (group.stopped.aborted) return;
      try {
        using output = openOutput(target, outputDirectory);
        const run: Tool["run"] = (options) => group.run(options, output);
        const own = { ...context, log: logOf(context.log, target) };
        statuses.set(target, await runOnLogins(own, [login], { ...tool, run }));
      } catch (error) {
        if (!group.stopped.aborted) fail(target, error);
      }
    }
  };
  await untilStopped(group, Promise.all(Array.from({ length: jobs }, work)));
  const results = requests.map(({ targetName: target }) => ({
    target,
    exitStatus: statuses.get(target),
  }));
  return { results, signal: group.stopped.aborted ? group.stopped.reason : undefined };
}

async function openAll(
  context: RunContext,
  requests: readonly EachRequest[],
  { args }: Pick<Tool, "args">,
  fail: (target: string, error: unknown) => void,
): Promise<ReadonlyMap<string, KnownLogin>> {
  const sources = { open: sharedCredentials(), args };
  const once = loggingOnce(context.log);
  const ready = new Map<string, KnownLogin>();
  for (const request of requests) {
    const target = request.targetName;
    try {
      const own = { ...context, log: logOf(once, target) };
      const [login] = await openToolLogins(own, [{ ...request, prefix: "" }], sources);
      if (login !== undefined) ready.set(target, login);
    } catch (error) {
      if (error instanceof RdsIamError && error.code === "ERR_INTERRUPTED") throw error;
      fail(target, error);
    }
  }
  return ready;
}

// A tunnel that is being opened when all are to end is not waited for longer than its end takes.
async function untilStopped({ stopped }: ToolGroup, all: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    stopped.addEventListener("abort", () => {
      void toolEnded().then(() => (timer = setTimeout(resolve, CLEANUP_MS)));
    });
  });
  await Promise.race([all, late]);
  clearTimeout(timer);
}

type TargetOutput = ToolOutput & Disposable;

function openOutput(target: string, directory: string | undefined): TargetOutput {
  if (directory === undefined) {
    const [stdout, stderr] = [lineSink(1, target), lineSink(2, target)];
    return { stdout, stderr, [Symbol.dispose]: () => {} };
  }
  const file = join(directory, target.replaceAll("/", "%2F"));
  const stdout = openFile(`${file}.out`);
  const stderr = openFile(`${file}.err`);
  return {
    stdout,
    stderr,
    [Symbol.dispose]: () => {
      if (fstatSync(stderr).size === 0) rmSync(`${file}.err`, { force: true });
      for (const fd of [stdout, stderr]) closeSync(fd);
    },
  };
}

// What a database answers is not for others.
function openFile(file: string): number {
  try {
    return openSync(file, "w", 0o600);
  } catch (error) {
    throw cannotWrite(file, error);
  }
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw cannotWrite(directory, error);
  }
}

function cannotWrite(file: string, cause: unknown): RdsIamError {
  return new RdsIamError(`cannot write ${file}: ${errorCode(cause)}`, {
    code: "ERR_OUTPUT",
    hint: "Give --output-dir a directory that can be written to.",
    cause,
  });
}

// Whole lines, so that those of several targets do not mix; as bytes, since a database need not be in UTF-8.
function lineSink(fd: 1 | 2, target: string): OutputSink {
  const prefix = Buffer.from(`${target}: `).toString("latin1");
  let rest: Buffer[] = [];
  return (chunk = Buffer.from(rest.length > 0 ? "\n" : "")) => {
    const end = chunk.lastIndexOf("\n");
    if (end < 0) {
      if (chunk.length > 0) rest.push(chunk);
      return;
    }
    const lines = Buffer.concat([...rest, chunk.subarray(0, end)])
      .toString("latin1")
      .split("\n");
    rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : [];
    const bytes = Buffer.from(lines.map((line) => `${prefix}${line}\n`).join(""), "latin1");
    if (fd === 1) writeOutput(bytes);
    else writeText(2, bytes);
  };
}

function logOf(log: Log, target: string): Log {
  return {
    ...log,
    error: (problem, fields) => {
      const { code, detail, hint, cause, trace } = problem;
      const message = `${target}: ${problem.message}`;
      log.error({ message, code, detail, hint, cause, trace }, { target, ...fields });
    },
  };
}
