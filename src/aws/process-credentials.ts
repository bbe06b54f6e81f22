// Runs a credential_process: without a shell, as the AWS CLI does, with the terminal or an empty stdin, and with what it
// writes on stderr passed on at once, since it may be a question.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html

import type { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { startProgram } from "../runtime/start-program.ts";
import { findProgram } from "../system/find-program.ts";
import { programOutput } from "../system/program-output.ts";
import { inBackground, signalGroup } from "../system/program.ts";
import { type AwsKeys, checkedKeys, timeOf } from "./keys.ts";

const TIME_LIMIT = 60_000; // ms, where no person can answer it or end it
const QUIET = 1_000; // ms before a wait for it is reported

/** What a credential_process finds around it. */
export interface ProcessSurroundings {
  /** Whether it may ask on the terminal: there is one, and no tool has it yet. */
  readonly hasTerminal: boolean;
  /** Whether our stdin is that terminal. */
  readonly isStdinTerminal: boolean;
  /** Passes on what it writes on stderr. */
  readonly onStderr: (text: string) => void;
  /** Reports that it takes long. */
  readonly onWait: (what: string) => void;
}

/** A credential_process to run. */
export interface CredentialProcess {
  /** The program and its arguments. */
  readonly command: readonly string[];
  readonly env: Environment;
  readonly profile: string;
  /** File and line of the profile's key. */
  readonly place: string;
  /** Absent where there is no one to see or answer anything. */
  readonly surroundings: ProcessSurroundings | undefined;
}

/** Runs it and reads the credentials that it prints; every failure is an ERR_CREDENTIALS that says how it ended. */
export async function processCredentials(run: CredentialProcess): Promise<AwsKeys> {
  const { place, profile, surroundings } = run;
  const what = `the credential_process of profile "${profile}"`;
  const child = start(await programOf(run), run);
  const isDetached = surroundings?.hasTerminal !== true;
  const wait = setTimeout(() => surroundings?.onWait(what), QUIET);
  child.stderr?.on("data", (chunk: Buffer) => {
    // Its own words say what it waits for.
    clearTimeout(wait);
    surroundings?.onStderr(chunk.toString("utf8"));
  });
  try {
    const output = await programOutput(child, {
      timeLimit: isDetached ? TIME_LIMIT : undefined,
      end: () => void (isDetached ? signalGroup(child, "SIGKILL", run.env) : child.kill("SIGKILL")),
      failed: (how) => failed(run, how),
      notStarted: (error) => notStarted(run, error),
    });
    return checkedKeys(readOutput(run, output), `${what} (${place})`);
  } finally {
    clearTimeout(wait);
  }
}

// What is not found is left to the system, which says so.
async function programOf({ command: [name = ""], env }: CredentialProcess): Promise<string> {
  const found = process.platform === "win32" ? await findProgram(name, env) : undefined;
  return found?.file ?? name;
}

function start(file: string, { command, env, surroundings }: CredentialProcess): ChildProcess {
  const [, ...args] = command;
  const { hasTerminal = false, isStdinTerminal = false } = surroundings ?? {};
  const stdin = hasTerminal && isStdinTerminal ? "inherit" : "ignore";
  // Beside a tool it runs in a session of its own, where it cannot read the tool's terminal.
  const place = hasTerminal ? {} : inBackground();
  return startProgram(
    { file, args },
    { env: { ...env }, stdio: [stdin, "pipe", "pipe"], ...place },
  );
}

// Nothing of the output is repeated: it may hold the keys.
function readOutput(run: CredentialProcess, output: string): AwsKeys {
  let read: unknown;
  try {
    read = JSON.parse(output);
  } catch {
    const what = output.trim() === "" ? "It printed nothing." : "Its output is not JSON.";
    throw failed(run, what);
  }
  const { Version, AccessKeyId, SecretAccessKey, SessionToken, Expiration } = (read ??
    {}) as Readonly<Record<string, unknown>>;
  if (Version !== 1) {
    throw failed(run, "The JSON that it printed has no Version 1.");
  }
  const missing = Object.entries({ AccessKeyId, SecretAccessKey }).find(
    ([, value]) => value === undefined || value === null,
  );
  if (missing !== undefined) throw failed(run, `The JSON that it printed has no ${missing[0]}.`);
  const expiration =
    Expiration === undefined || Expiration === null
      ? undefined
      : timeOf(typeof Expiration === "string" ? Expiration : "");
  if (expiration !== undefined && expiration.getTime() <= Date.now()) {
    throw failed(run, `The credentials that it printed expired at ${expiration.toISOString()}.`);
  }
  // checkedKeys() has a look at the types.
  return {
    accessKeyId: AccessKeyId as string,
    secretAccessKey: SecretAccessKey as string,
    sessionToken: (SessionToken ?? undefined) as string | undefined,
    expiration,
  };
}

function notStarted(run: CredentialProcess, { code = "unknown" }: NodeJS.ErrnoException) {
  const [program = ""] = run.command;
  return code === "ENOENT"
    ? failed(
        run,
        `${program} was not found.`,
        ". It is started without a shell, as in the AWS CLI; for pipes and variables, use sh -c '...'.",
      )
    : failed(run, `${program} could not be started: ${code}.`);
}

function failed(run: CredentialProcess, detail: string, more = ""): RdsIamError {
  const byHand = shellCommand`Run it by hand; print it with: aws configure get credential_process --profile ${run.profile}`;
  return new RdsIamError(`the credential_process of profile "${run.profile}" failed`, {
    code: "ERR_CREDENTIALS",
    detail: `${detail} It is in ${run.place}.`,
    hint: `${byHand}${more}`,
  });
}
