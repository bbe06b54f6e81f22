// However a run ends, nothing of it stays: no listening port, no process, no file.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openShell, openTerminal, type Terminal } from "../support/pty.ts";
import {
  cleanEnvironment,
  COMMAND,
  type Finished,
  rdsiam,
  runtimeCaches,
  without,
  RDSIAM,
} from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { filesBelow, listens, marked, until } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

const standIn = await keep(startStage());
const temporary = await temporaryDirectory("left");

// Says its port, then stays.
const TOOL = ["sh", "-c", `echo "port=$PGPORT"; exec sleep 60`];

/** One run with what it is known by. */
class Scene {
  readonly mark: string;
  readonly env: Readonly<Record<string, string>>;
  port = 0;
  #before: Record<string, string> = {};

  constructor(mark: string) {
    this.mark = mark;
    const own = { TMPDIR: join(temporary, mark), RDSIAM_TEST_MARK: mark };
    this.env = { ...standIn.env, ...runtimeCaches(temporary), ...own };
  }

  async open(): Promise<void> {
    await mkdir(join(temporary, this.mark));
    this.#before = await filesBelow(standIn.directory);
  }

  readPort(output: string): void {
    this.port = Number(/port=(\d+)/.exec(output)?.[1]);
  }

  async assertNothingLeft(limit?: number): Promise<number> {
    const gone = async (): Promise<boolean> =>
      !(await listens(this.port)) && (await marked(this.mark)).length === 0;
    const took = await until(gone, `port ${this.port} and processes of ${this.mark} gone`, limit);
    assert.deepEqual(await filesBelow(standIn.directory), this.#before);
    assert.deepEqual(await filesBelow(join(temporary, this.mark)), {});
    return took;
  }
}

async function openScene(mark: string): Promise<Scene> {
  const scene = new Scene(mark);
  await scene.open();
  return scene;
}

async function signalled(scene: Scene, signal: NodeJS.Signals): Promise<Finished> {
  return rdsiam(["exec", "prod", ...TOOL], {
    env: scene.env,
    started: (child) =>
      child.stdout?.once("data", (data: Buffer) => {
        scene.readPort(String(data));
        void listens(scene.port).then((open) => {
          assert.ok(open, "the proxy listened");
          child.kill(signal);
        });
      }),
  });
}

test("a normal end leaves nothing behind", { skip: without("psql") }, async () => {
  const scene = await openScene("normal");
  const script = 'echo "port=$PGPORT"; exec psql -Atc "select current_user"';
  const ran = await rdsiam(["exec", "-v", "prod", "sh", "-c", script], { env: scene.env });
  assert.equal(ran.status, 0, ran.stderr);
  scene.readPort(ran.stdout);
  await scene.assertNothingLeft();
});

for (const [signal, status] of [
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal} leaves nothing behind`, async () => {
    const scene = await openScene(signal);
    const ran = await signalled(scene, signal);
    assert.deepEqual([ran.status, ran.stderr], [status, ""]);
    await scene.assertNothingLeft();
  });
}

async function onTerminal(scene: Scene, terminal: Terminal): Promise<void> {
  scene.readPort(await terminal.shows(/port=\d+\r/));
  assert.ok(await listens(scene.port), "the proxy listened");
  terminal.close();
  await scene.assertNothingLeft();
}

test("closing the terminal of a shell leaves nothing behind", async () => {
  const scene = await openScene("closed-shell");
  await using terminal = await openShell(cleanEnvironment(scene.env));
  terminal.type(`${RDSIAM} exec -v prod sh -c 'echo "port=$PGPORT"; exec sleep 60'\r`);
  await onTerminal(scene, terminal);
});

test("closing a terminal that rdsiam itself was started on leaves nothing behind", async () => {
  const scene = await openScene("closed-terminal");
  const words = [...COMMAND, "exec", "-v", "prod", ...TOOL];
  await using terminal = openTerminal(words, cleanEnvironment(scene.env));
  await onTerminal(scene, terminal);
});

test("closing psql's terminal leaves nothing behind", { skip: without("psql") }, async () => {
  const scene = await openScene("closed-psql");
  await using terminal = await openShell(cleanEnvironment(scene.env));
  terminal.type(`${RDSIAM} psql -v prod\r`);
  await terminal.shows(/orders=> /);
  terminal.type("\\echo port=:PORT\r");
  await onTerminal(scene, terminal);
});

test(
  "SIGKILL of rdsiam closes the port and the tool's connection within a second",
  { skip: without("psql") },
  async () => {
    const scene = await openScene("killed");
    const script = 'echo "port=$PGPORT"; exec psql -Atc "select pg_sleep(30)"';
    let killed = 0;
    const ran = await rdsiam(["exec", "prod", "sh", "-c", script], {
      env: scene.env,
      started: (child) =>
        child.stdout?.once("data", (data: Buffer) => {
          scene.readPort(String(data));
          void until(sleeping, "the query runs").then(() => {
            child.kill("SIGKILL");
            killed = performance.now();
          });
        }),
    });
    // The run ends for the test when psql has closed its streams too.
    const took = performance.now() - killed;
    assert.equal(ran.signal, "SIGKILL");
    assert.match(ran.stderr, /server closed the connection unexpectedly/);
    assert.ok(took < 1_000, `psql was told after ${took} ms`);
    await scene.assertNothingLeft(1_000);
  },
);

async function sleeping(): Promise<boolean> {
  const asked = "select 1 from pg_stat_activity where query = 'select pg_sleep(30)'";
  return (await standIn.postgres.query(asked)).rows.length > 0;
}

test("SIGKILL of the tool is 137 and leaves nothing behind", async () => {
  const scene = await openScene("killed-tool");
  const script = 'echo "port=$PGPORT"; kill -KILL $$';
  const ran = await rdsiam(["exec", "prod", "sh", "-c", script], { env: scene.env });
  assert.deepEqual([ran.status, ran.stderr], [137, ""]);
  scene.readPort(ran.stdout);
  await scene.assertNothingLeft();
});

test("a reader of stderr that has gone does not end the tool", async () => {
  const scene = await openScene("closed-stderr");
  const ran = await rdsiam(["exec", "-v", "prod", "sh", "-c", 'echo "port=$PGPORT"'], {
    env: scene.env,
    started: (child) => child.stderr?.destroy(),
  });
  assert.equal(ran.status, 0);
  scene.readPort(ran.stdout);
  await scene.assertNothingLeft();
});
