// Standard output and error without the runtimes' stream objects, which take 4 ms to make on Node and 15 ms on Bun: more than
// `rdsiam list` does. Those write at once too, to files, pipes and terminals alike, so nothing else changes.
// https://nodejs.org/api/process.html#a-note-on-process-io
import { Buffer } from "node:buffer";
import { fstatSync, writeSync } from "node:fs";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

const RETRY_DELAY = 5; // ms, for a pipe that another process has set to not block, and that is full

type TtyBinding = { readonly isTTY?: (fd: number) => boolean } | undefined;

/** Whether standard input (0), output (1) or error (2) is a terminal. */
export function isTerminal(fd: 0 | 1 | 2): boolean {
  try {
    // There fstat(2) of a console fails with some versions of Node, and NUL is no terminal for isatty().
    if (process.platform === "win32") return isatty(fd);
    // Asked first, because node:tty brings node:net with it. It is not all: /dev/null is a character device too.
    return fstatSync(fd).isCharacterDevice() && isatty(fd);
  } catch {
    return false;
  }
}

// On Bun the two take 7 ms, half as much as all of `rdsiam list`; what its node:tty asks is there without it.
function isatty(fd: number): boolean {
  const { binding } = process as typeof process & { readonly binding?: (name: string) => unknown };
  const own = "bun" in process.versions ? (binding?.("tty_wrap") as TtyBinding) : undefined;
  return own?.isTTY?.(fd) ?? process.getBuiltinModule("node:tty").isatty(fd);
}

/**
 * Writes a text, or bytes; the errno code where that failed (`rdsiam token prod > FILE` on a full disk). A reader that has gone
 * (`rdsiam list | head -1`), or a terminal that was closed, is not a failure.
 */
export function writeText(fd: 1 | 2, text: string | Buffer): string | undefined {
  // To a console the runtime's stream writes Unicode, and at once; bytes would be read in the console's code page.
  if (process.platform === "win32" && isTerminal(fd)) {
    (fd === 1 ? process.stdout : process.stderr).write(text);
    return undefined;
  }
  let rest = typeof text === "string" ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EINTR") continue;
      if (code !== "EAGAIN") return isReaderGone(fd, code) ? undefined : errorCode(error);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_DELAY);
    }
  }
  return undefined;
}

/** Writes on standard output; throws ERR_OUTPUT where that fails. */
export function writeOutput(text: string | Buffer): void {
  const failure = writeText(1, text);
  if (failure === undefined) return;
  throw new RdsIamError("cannot write to standard output", {
    code: "ERR_OUTPUT",
    detail: failure === "ENOSPC" ? "The device is full (ENOSPC)." : `It failed with ${failure}.`,
  });
}

// A terminal that was closed is still a character device, and answers EIO; so does a disk, for which it is a failure.
function isReaderGone(fd: 1 | 2, code: string | undefined): boolean {
  if (code === "EIO") return fstatSync(fd).isCharacterDevice();
  return code === "EPIPE" || code === "ECONNRESET";
}
