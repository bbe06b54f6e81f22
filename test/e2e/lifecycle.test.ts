// How a run ends and what the terminal is like then: exit statuses, signals, job control, a tool killed in raw mode.
import assert from "node:assert/strict";
import { constants } from "node:os";
import process from "node:process";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, rdsiam, without, RDSIAM } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { marked, stopped, until } from "../support/traces.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

// All 256 are tried without the rest of the program in test/tool/run.test.ts.
const STATUSES = [4, 64, 126, 127, 137, 254];
const SIGNALS = ["HUP", "INT", "KILL", "SEGV", "TERM"];

// Four at a time, for each is a whole run.
async function exits(scripts: readonly string[]): Promise<(number | null)[]> {
  const statuses: (number | null)[] = [];
  const todo = scripts.entries();
  const worker = async (): Promise<void> => {
    for (const [index, script] of todo) {
      const ran = await rdsiam(["exec", "prod", "sh", "-c", script], { env: standIn.env });
      assert.equal(ran.stderr, "");
      statuses[index] = ran.status;
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  return statuses;
}

test("rdsiam exec: any exit status is the tool's", async () => {
  assert.deepEqual(await exits(STATUSES.map((status) => `exit ${status}`)), STATUSES);
});

test("rdsiam exec: 128+n for each signal that ends the tool", async () => {
  const ended = await exits(SIGNALS.map((name) => `ulimit -c 0; kill -${name} $$`));
  assert.deepEqual(
    ended,
    SIGNALS.map((name) => 128 + constants.signals[`SIG${name}` as NodeJS.Signals]),
  );
});

test("rdsiam psql stops with Ctrl-Z, and fg goes on", { skip: without("psql") }, async () => {
  await using terminal = await openShell(cleanEnvironment(standIn.env));
  const mark = "stopped-psql";
  terminal.type(`RDSIAM_TEST_MARK=${mark} ${RDSIAM} psql prod\r`);
  await terminal.shows(/orders=> $/);
  terminal.type("select 'be' || 'fore';\r");
  await terminal.shows(/ before\r[^]*orders=> $/);
  terminal.type("\x1a");
  await terminal.shows(/Stopped[^]*prompt> /);
  // The shell sees rdsiam stop; psql still tidies up its line then, and might take a key.
  await until(() => stopped(mark), "psql is stopped too");
  terminal.type("fg\r");
  await terminal.shows(/fg\r[^]*psql prod\r/);
  terminal.type("\rselect 'af' || 'ter';\r");
  await terminal.shows(/ after\r[^]*orders=> $/);
  terminal.type("\\q\r");
  await terminal.shows(/prompt> $/);
  terminal.type("echo status=$?\r");
  await terminal.shows(/status=0\r/);
});

const SAME = `[ "$before" = "$(stty -g)" ] && echo sa""ne`;

test("the terminal is as it was after a tool that was killed in raw mode", async () => {
  await using terminal = await openShell(cleanEnvironment(standIn.env));
  const tool = `sh -c 'stty raw -echo; kill -KILL $$'`;
  terminal.type(`before=$(stty -g); ${RDSIAM} exec prod ${tool}; echo status=$?; ${SAME}\r`);
  await terminal.shows(/status=137\r\n[^]*sane\r/);
});

test(
  "the terminal is as it was after psql was killed at its prompt",
  { skip: without("psql") || (process.platform !== "linux" && "no /proc") },
  async () => {
    const mark = "killed-psql";
    await using terminal = await openShell(cleanEnvironment(standIn.env));
    const start = `RDSIAM_TEST_MARK=${mark} ${RDSIAM} psql prod`;
    terminal.type(`before=$(stty -g); ${start}; echo status=$?; ${SAME}\r`);
    await terminal.shows(/orders=> $/);
    const psql = (await marked(mark)).find(({ variables }) =>
      variables.some((variable) => variable.startsWith("PGPASSWORD=")),
    );
    assert.ok(psql, "psql is not to be found");
    process.kill(psql.pid, "SIGKILL");
    await terminal.shows(/status=137\r\n[^]*sane\r/);
    await until(async () => (await marked(mark)).length === 0, "all processes are gone");
  },
);
