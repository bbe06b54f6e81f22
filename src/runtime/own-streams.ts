// Keeps Node and Bun from setting the tool's own output to not block. They do so with each pipe that they make a stream of,
// a pipe is shared with the tool, and the tool's writes would fail with EAGAIN. Late is the rule for process.stdout and
// process.stderr: pipe() looks at the one and each socket that closes at the other (lib/internal/streams/readable.js,
// lib/net.js). On a terminal they are made before the tool starts: what rdsiam prints there goes through a descriptor of its own.
// https://github.com/libuv/libuv/blob/v1.x/src/unix/process.c (uv__process_child_init sets the tool's streams to block)
import { writeSync } from "node:fs";
import process from "node:process";
import { Writable } from "node:stream";

const NAMES = [
  ["stdout", 1],
  ["stderr", 2],
] as const;

/** To be called before a tool starts: from now on process.stdout and process.stderr are made, or harmless. */
export function settleStreams(): void {
  const { isatty } = process.getBuiltinModule("node:tty");
  for (const [name, fd] of NAMES) {
    if (isatty(fd)) void process[name];
    else if (!("deno" in process.versions)) replaceStream(name, fd);
  }
}

function replaceStream(name: "stdout" | "stderr", fd: number): void {
  const write = (chunk: Uint8Array, _encoding: string, done: () => void): void => {
    try {
      writeSync(fd, chunk);
    } catch {
      // There is no reader any more.
    }
    done();
  };
  const stream = Object.assign(new Writable({ write }), { fd, isTTY: false });
  Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
}
