// Job control and terminal settings on a real pseudo-terminal, under an interactive bash.
// Set RDSIAM_TEST_LAUNCHER to '["bun"]' and the like to run the same under another runtime.

import process from "node:process";
import { afterEach, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LAUNCHER } from "../support/program.ts";
import { stopped, until } from "../support/traces.ts";
import { openShell, type Terminal } from "../support/pty.ts";

const FIXTURE = fileURLToPath(new URL("../support/run-fixture.ts", import.meta.url));
const RUN = [...LAUNCHER, FIXTURE].map((word) => `'${word}'`).join(" ");

let terminal: Terminal;

beforeEach(async () => {
  terminal = await openShell({ PATH: process.env["PATH"] ?? "" });
});

afterEach(() => terminal[Symbol.asyncDispose]());

function shows(wanted: RegExp): Promise<string> {
  return terminal.shows(wanted);
}

function type(text: string): void {
  terminal.type(text);
}

describe("runTool() on a terminal", () => {
  // Not in `read`: a signal between dash's look for one and its read(2) waits for a line that never comes.
  test("leaves Ctrl-C to the tool and answers its status", async () => {
    type(`${RUN} /bin/sh -c 'trap "exit 9" INT; echo re""ady; while :; do sleep 0.1; done'\r`);
    await shows(/ready\r/);
    type("\x03");
    await shows(/prompt> $/);
    type("echo status=$?\r");
    await shows(/status=9\r/);
  });

  test("leaves Ctrl-\\ to the tool", async () => {
    type(`${RUN} /bin/sh -c 'trap "exit 8" QUIT; echo re""ady; while :; do sleep 0.1; done'\r`);
    await shows(/ready\r/);
    type("\x1c");
    await shows(/prompt> $/);
    type("echo status=$?\r");
    await shows(/status=8\r/);
  });

  test("stops with Ctrl-Z and goes on with fg", async () => {
    const mark = "stopped-shell";
    const tool = `/bin/sh -c 'echo re""ady; read line; echo "got $line"; exit 6'`;
    type(`RDSIAM_TEST_MARK=${mark} ${RUN} ${tool}\r`);
    await shows(/ready\r/);
    type("\x1a");
    await shows(/Stopped[^]*prompt> $/);
    // The shell sees the wrapper stop; until the tool is stopped too, its read() might take a key.
    await until(() => stopped(mark), "the tool is stopped too");
    type("fg\r");
    await shows(/run-fixture[^]*\n/);
    type("hello\r");
    await shows(/got hello\r[^]*prompt> $/);
    type("echo status=$?\r");
    await shows(/status=6\r/);
  });

  test("passes end of file and the window's size on", async () => {
    type(`${RUN} /bin/sh -c 'stty size; cat; echo en""d'\r`);
    await shows(/24 300\r/);
    type("\x04");
    await shows(/end\r/);
  });

  test("restores the terminal after a tool that was killed without echo", async () => {
    type(`stty -g >&2; ${RUN} /bin/sh -c 'stty -echo -icanon; kill -KILL $$'; stty -a\r`);
    await shows(/ icanon [^]* echo /);
    await shows(/prompt> $/);
  });
});
