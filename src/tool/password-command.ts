// Runs a command that prints a password: for Vault, gcloud, az or a script of the user's own. A shell runs it, cmd.exe on Windows; what it
// says on stderr goes to ours, and its stdout, trimmed, is the password. It has a session of its own: it runs while the
// tool has the terminal, so it cannot ask anything there, and the tool's Ctrl-C is not for it. Environment variables, which a
// nested rdsiam reads as its own, name the login that the password is for.
import type { Buffer } from "node:buffer";
import { spawn } from "node:child_process";
import process from "node:process";
import type { Environment } from "../base/context.ts";
import { RdsIamError } from "../base/errors.ts";
import { writeText } from "../runtime/stdio.ts";
import { programOutput } from "../system/program-output.ts";
import { inBackground, shellWords, signalGroup } from "../system/program.ts";

const TIME_LIMIT = 20_000; // ms; the login that waits for it gives up after 30 s

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
  const output = await programOutput(child, {
    timeLimit,
    end,
    failed,
    notStarted: (error) => failed(`It could not be started: ${error.message}.`),
  });
  return readPassword(output);
}

function readPassword(output: string): string {
  const password = output.trim();
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
