// Starts a long-running program that ends when we do, even when we are killed: a small shell is its parent and reads a
// pipe whose other end only we hold.
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";

const LAST_WORDS = 2000; // characters of stderr in an error
const END_LIMIT = 10_000; // ms between SIGTERM and SIGKILL

// The program's number is the first line; TERM is what each of these programs ends on.
// What the shell ignores is set after the start: the program would ignore it too.
const SCRIPT = `
"$@" </dev/null &
pid=$!
trap '' HUP INT QUIT TERM
echo "$pid"
exec >/dev/null 2>&1
read -r line
kill -s TERM "$pid"
wait "$pid"
`;

/** A program on a leash. */
export interface Leashed extends AsyncDisposable {
  readonly pid: number;
  /** Its next line on stdout; rejects with its last words when it has ended. */
  readonly nextLine: () => Promise<string>;
  /** Rejects when it ends before it is asked to; never resolves. */
  readonly ended: Promise<never>;
}

/** Starts a program; `env` is its whole environment, apart from PATH. */
export async function startLeashed(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Leashed> {
  const shell = spawn("/bin/sh", ["-c", SCRIPT, "sh", ...words], {
    env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", ...env },
    stdio: ["pipe", "pipe", "pipe"],
    // A Ctrl-C of the terminal is for us alone.
    detached: true,
  });
  const exited = once(shell, "exit");
  let said = "";
  shell.stderr.on("data", (chunk) => (said = `${said}${String(chunk)}`.slice(-LAST_WORDS)));
  shell.stdin.on("error", () => {});
  const iterator = createInterface({ input: shell.stdout })[Symbol.asyncIterator]();
  const died = (): Error => new Error(`${words.join(" ").slice(0, 200)} ended: ${said.trim()}`);
  const nextLine = async (): Promise<string> => {
    const { value, done } = await iterator.next();
    if (done === true) throw died();
    return String(value);
  };
  const pid = Number(await nextLine());
  const ended = exited.then(() => {
    throw died();
  });
  ended.catch(() => {});
  return { pid, nextLine, ended, [Symbol.asyncDispose]: () => end() };

  async function end(): Promise<void> {
    const timer = setTimeout(() => kill(pid), END_LIMIT);
    shell.stdin.end("\n");
    await exited;
    clearTimeout(timer);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended in this very moment.
  }
}
