// Runs a command that prints a password: for Vault, gcloud, az or a script of the user's own. A shell runs it, cmd.exe on Windows; what it
// says on stderr goes to ours, and its stdout, trimmed, is the password. It has a session of its own: it runs while the
// tool has the terminal, so it cannot ask anything there, and the tool's Ctrl-C is not for it. Environment variables, which a
// nested rdsiam reads as its own, name the login that the password is for.
import { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { writeText } from "../runtime/stdio.ts";
import { inBackground, shellWords, signalGroup } from "../system/program.ts";

const TIME_LIMIT = 20_000; // ms; the login that waits for it gives up after 30 s
const MAX_OUTPUT = 64 * 1024; // bytes; an auth token with a session token in it has about 2,000

/** A command to run. */
export interface PasswordCommand {
  readonly command: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Milliseconds; 20,000 by default. */
  readonly timeLimit?: number;
}

/** The login that a password is for. */
export interface PasswordRequest {
  readonly target: string;
  /** The name that the server's certificate has, and the database's own port. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly dbname: string;
}

// The command itself, which would run for ever; a code that works once; a tunnel's password.
const KEPT_BACK: ReadonlySet<string> = new Set([
  "RDSIAM_PASSWORD_COMMAND",
  "RDSIAM_MFA_CODE",
  "RDSIAM_VIA",
]);

/** The environment of a password command, as a new object. */
export function passwordEnvironment(
  env: Environment,
  { target, host, port, user, dbname }: PasswordRequest,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !KEPT_BACK.has(name)) environment[name] = value;
  }
  environment["RDSIAM_TARGET"] = target;
  environment["RDSIAM_HOST"] = host;
  environment["RDSIAM_PORT"] = String(port);
  environment["RDSIAM_USER"] = user;
  environment["RDSIAM_DBNAME"] = dbname;
  return environment;
}

/** Runs the command; resolves with the password, and throws ERR_CREDENTIALS when there is none. */
export async function runPasswordCommand(options: PasswordCommand): Promise<string> {
  const { command, env, timeLimit = TIME_LIMIT } = options;
  const { args, file, windowsVerbatimArguments } = shellWords(command, env);
  // What shares a stream with us shares the console on Windows, with its Ctrl-C.
  const isShared = process.platform !== "win32";
  const child = spawn(file, [...args], {
    env: { ...env },
    stdio: ["ignore", "pipe", isShared ? "inherit" : "pipe"],
    windowsVerbatimArguments,
    ...inBackground(),
  });
  child.stderr?.on("data", (chunk: Buffer) => void writeText(2, chunk));
  // Whether the shell itself is gone already or not: what it has left in the background may hold its stdout open.
  const end = (): void => signalGroup(child, "SIGKILL", env);
  const late = new AbortController();
  const limit = setTimeout(() => {
    end();
    late.abort(failed(`It was still running after ${timeLimit / 1_000} seconds, and was stopped.`));
  }, timeLimit);
  process.on("exit", end);
  try {
    return readPassword(await finished(child, end, late.signal));
  } finally {
    clearTimeout(limit);
    process.off("exit", end);
  }
}

// Resolves with stdout; rejects when it failed or printed too much, or with the reason of `late`.
function finished(child: ChildProcess, end: () => void, late: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_OUTPUT) end();
    else chunks.push(chunk);
  });
  return new Promise((resolve, reject) => {
    late.addEventListener("abort", () => {
      child.stdout?.destroy();
      reject(late.reason as Error);
    });
    child.once("error", (error) => reject(failed(`It could not be started: ${error.message}.`)));
    // As in a shell's $(...), it is done when no process holds its stdout open any more.
    child.once("close", (status, signal) => {
      const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
      if (length > MAX_OUTPUT) reject(failed(`It printed more than ${MAX_OUTPUT} bytes.`));
      else if (status !== 0) reject(failed(`It ended with ${how}.`));
      else resolve(Buffer.concat(chunks));
    });
  });
}

function readPassword(output: Buffer): string {
  const password = output.toString("utf8").trim();
  if (password === "") throw failed("It printed nothing.");
  if (/[\0\r\n]/.test(password)) {
    const lines = password.split(/\r?\n/).length;
    throw failed(
      lines > 1 ? `It printed ${lines} lines, not one.` : "It printed a control character.",
    );
  }
  return password;
}

function failed(detail: string): RdsIamError {
  return new RdsIamError("the password command failed", {
    code: "ERR_CREDENTIALS",
    detail,
    hint: "Run it in a shell: it must print the password, and nothing else, on stdout.",
  });
}
