// Cancels that reach the server through the proxy: Ctrl-C in psql and pg_dump, a driver's own, statement timeouts.
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { openShell } from "../support/pty.ts";
import { cleanEnvironment, rdsiam, without, RDSIAM } from "../support/program.ts";
import { startStage, untilSleeping } from "../support/stage.ts";
import { marked, until } from "../support/traces.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

const PROMPT = /orders=> $/;

async function sessions(condition: string): Promise<number> {
  const { rows } = await standIn.postgres.query(
    `select pid from pg_stat_activity where pid <> pg_backend_pid() and ${condition}`,
  );
  return rows.length;
}

test(
  "Ctrl-C in psql cancels the query, and psql and rdsiam go on",
  { skip: without("psql") },
  async () => {
    await using terminal = await openShell(cleanEnvironment(standIn.env));
    const cancels = standIn.gateway.cancels;
    terminal.type(`${RDSIAM} psql prod\r`);
    await terminal.shows(PROMPT);
    for (const round of [1, 2]) {
      terminal.type("select pg_sleep(30);\r");
      await untilSleeping(standIn);
      const start = performance.now();
      terminal.type("\x03");
      await terminal.shows(/ERROR: {2}canceling statement due to user request[^]*orders=> $/);
      assert.ok(performance.now() - start < 3_000, "the cancel took too long");
      assert.equal(standIn.gateway.cancels, cancels + round);
    }
    terminal.type("select 40 + 2 as answer;\r");
    await terminal.shows(/ 42\r[^]*orders=> $/);
    terminal.type("\\q\r");
    await terminal.shows(/prompt> $/);
    terminal.type("echo status=$?\r");
    await terminal.shows(/status=0\r/);
  },
);

test(
  "Ctrl-C ends pg_dump with its own status and leaves no session and no process",
  { skip: without("pg_dump") },
  async () => {
    const blocker = standIn.postgres.makeClient("orders");
    await blocker.connect();
    await blocker.query("begin; lock table orders in access exclusive mode");
    const env = { ...standIn.env, RDSIAM_TEST_MARK: "interrupted-pg-dump" };
    await using terminal = await openShell(cleanEnvironment(standIn.env));
    const variable = `RDSIAM_TEST_MARK=${env.RDSIAM_TEST_MARK}`;
    terminal.type(`${variable} ${RDSIAM} exec admin pg_dump -f /dev/null\r`);
    await until(
      async () =>
        (await sessions("application_name = 'pg_dump' and wait_event_type = 'Lock'")) === 1,
      "pg_dump waits for the lock",
    );
    terminal.type("\x03");
    await terminal.shows(/prompt> $/);
    terminal.type("echo status=$?\r");
    await terminal.shows(/status=1\r/);
    // The lock is still held: only a cancel that arrived has ended the session.
    await until(async () => (await sessions("application_name = 'pg_dump'")) === 0, "it is gone");
    assert.deepEqual(await marked(env.RDSIAM_TEST_MARK), []);
    await blocker.end();
  },
);

const DRIVER = `
import pg from "pg";
const answers = [];
const [client, other] = [new pg.Client(), new pg.Client()];
await Promise.all([client.connect(), other.connect()]);
await client.query("set statement_timeout = 200");
await client.query("select pg_sleep(30)").catch(({ code, message }) => answers.push(code + " " + message));
await client.query("set statement_timeout = 0");
const query = new pg.Query("select pg_sleep(30)");
const failed = new Promise((resolve) => query.once("error", resolve));
client.query(query);
const active = "select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'";
while ((await other.query(active, [client.processID])).rowCount === 0);
new pg.Client().cancel(client, query);
const { code, message } = await failed;
answers.push(code + " " + message);
answers.push((await client.query("select '42' as answer")).rows[0].answer);
await Promise.all([client.end(), other.end()]);
process.stdout.write(JSON.stringify(answers));
`;

test("a driver's statement timeout and its own CancelRequest end the query alone", async () => {
  const tool = [process.execPath, "--input-type=module", "--eval", DRIVER];
  const ran = await rdsiam(["exec", "prod", ...tool], { env: standIn.env });
  assert.equal(ran.status, 0, ran.stderr);
  assert.deepEqual(JSON.parse(ran.stdout), [
    "57014 canceling statement due to statement timeout",
    "57014 canceling statement due to user request",
    "42",
  ]);
});
