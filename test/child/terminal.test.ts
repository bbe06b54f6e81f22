// Job control and terminal settings on a real pseudo-terminal, under an interactive bash.
// Set RDSIAM_TEST_LAUNCHER to '["bun"]' and the like to run the same under another runtime.

import process from "node:process";
import { afterEach, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { spawn, type IPty } from "@lydell/node-pty";

const LAUNCHER: readonly string[] = JSON.parse(
  process.env["RDSIAM_TEST_LAUNCHER"] ?? JSON.stringify([process.execPath, "--import", "tsx"]),
);
const FIXTURE = fileURLToPath(new URL("run-fixture.ts", import.meta.url));
const RUN = [...LAUNCHER, FIXTURE].map((word) => `'${word}'`).join(" ");
const TIMEOUT_MS = 10_000;

let terminal: IPty;
let output = "";
let onOutput: () => void = () => {};

beforeEach(async () => {
  output = "";
  // Wide, so that readline does not fold the lines that are typed.
  terminal = spawn("bash", ["--norc", "--noprofile", "-i"], {
    cols: 300,
    rows: 24,
    env: { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", TERM: "xterm", PS1: "prompt> " },
  });
  terminal.onData((data) => {
    output += data;
    onOutput();
  });
  await shows(/prompt> $/);
});

afterEach(async () => {
  const exited = new Promise((resolve) => terminal.onExit(resolve));
  terminal.kill("SIGKILL");
  await exited;
});

// Waits for the text, and forgets everything up to it.
function shows(wanted: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(
      () => reject(new Error(`no ${wanted} in ${JSON.stringify(output)}`)),
      TIMEOUT_MS,
    );
    onOutput = () => {
      const found = wanted.exec(output);
      if (found === null) return;
      output = output.slice(found.index + found[0].length);
      clearTimeout(deadline);
      onOutput = () => {};
      resolve();
    };
    onOutput();
  });
}

function type(text: string): void {
  terminal.write(text);
}

describe("runTool() on a terminal", () => {
  test("leaves Ctrl-C to the tool and answers its status", async () => {
    type(`${RUN} /bin/sh -c 'trap "echo caught; exit 9" INT; echo re""ady; read line'\r`);
    await shows(/ready\r/);
    type("\x03");
    await shows(/caught\r[^]*prompt> $/);
    type("echo status=$?\r");
    await shows(/status=9\r/);
  });

  test("leaves Ctrl-\\ to the tool", async () => {
    type(`${RUN} /bin/sh -c 'trap "echo caught; exit 8" QUIT; echo re""ady; read line'\r`);
    await shows(/ready\r/);
    type("\x1c");
    await shows(/caught\r[^]*prompt> $/);
    type("echo status=$?\r");
    await shows(/status=8\r/);
  });

  test("stops with Ctrl-Z and goes on with fg", async () => {
    type(`${RUN} /bin/sh -c 'echo re""ady; read line; echo "got $line"; exit 6'\r`);
    await shows(/ready\r/);
    type("\x1a");
    await shows(/Stopped[^]*prompt> $/);
    // Ctrl-U first: the kernel may still be flushing the input of the Ctrl-Z, and take one key with it.
    type("\x15fg\r");
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
