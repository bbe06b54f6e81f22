// Reads what a program in the background prints, as a shell's $(...) does: it is done when no process holds its stdout open any more.
import { Buffer } from "node:buffer";
import type { ChildProcess } from "node:child_process";
import process from "node:process";

const MAX_OUTPUT = 64 * 1024; // bytes; an auth token with a session token in it has about 2,000

/** How long a program may take, and what becomes of one that fails. */
export interface OutputOptions {
  /** Milliseconds; no limit when it is absent. */
  readonly timeLimit: number | undefined;
  /** Ends the program with what it has started: when it is late or prints too much, and with this process. */
  readonly end: () => void;
  /** Makes an error of a sentence that says how it ended. */
  readonly failed: (how: string) => Error;
  readonly notStarted: (error: NodeJS.ErrnoException) => Error;
}

/** Resolves with what it has printed on stdout; rejects when it failed, printed too much or was late. */
export async function programOutput(child: ChildProcess, options: OutputOptions): Promise<string> {
  const { end, failed, notStarted, timeLimit } = options;
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > MAX_OUTPUT) end();
    else chunks.push(chunk);
  });
  let limit: NodeJS.Timeout | undefined;
  process.on("exit", end);
  try {
    return await new Promise((resolve, reject) => {
      child.once("error", (error) => reject(notStarted(error)));
      child.once("close", (status, signal) => {
        const how = signal === null ? `exit status ${status}` : `signal ${signal}`;
        if (length > MAX_OUTPUT) reject(failed(`It printed more than ${MAX_OUTPUT} bytes.`));
        else if (status !== 0) reject(failed(`It ended with ${how}.`));
        else resolve(Buffer.concat(chunks).toString("utf8"));
      });
      if (timeLimit === undefined) return;
      limit = setTimeout(() => {
        end();
        // A process that it has left behind may hold them open.
        child.stdout?.destroy();
        child.stderr?.destroy();
        reject(failed(`It was still running after ${timeLimit / 1_000} seconds, and was stopped.`));
      }, timeLimit);
    });
  } finally {
    clearTimeout(limit);
    process.off("exit", end);
  }
}
