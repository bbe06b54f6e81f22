// Signals and terminals around a run: what was ignored at the start, a SIGINT for rdsiam alone, a terminal that has gone, process 1.
// Real shells, nohup, pseudo-terminals and process id namespaces; npm run check:runtimes makes it a table of all runtimes.
import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { type ChildProcess, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import { connect } from "node:tls";
import { openShell } from "../support/pty.ts";
import {
  cleanEnvironment,
  COMMAND,
  type Finished,
  run,
  without,
  RDSIAM,
} from "../support/program.ts";
import { startTestRelay } from "../support/relay-scene.ts";
import { RULES } from "../support/relay-stage.ts";
import { startStage } from "../support/stage.ts";
import { HAS_PROC, marked, until } from "../support/traces.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";

// Their parent is rdsiam. Where the signals are ignored, a login shows that rdsiam has had its turn to act on them.
const TOOLS = {
  raise: `for name; do kill -"$name" $PPID; kill -"$name" $$; done; exec psql -XAtc 'select 42'`,
  alone: `kill -"$1" $PPID; exec sleep 60`,
  "until-told": `echo $PPID >"$1"; until [ -e "$1.go" ]; do sleep 0.02; done; echo 42`,
  "count-int": `count=0; trap 'count=$((count+1))' INT; echo re""ady
    while [ $count = 0 ]; do sleep 0.02; done; psql -XAtc 'select 1'; echo "count=$count"`,
};

const standIn = await keep(startStage());
const directory = await temporaryDirectory("signals");
for (const [name, text] of Object.entries(TOOLS)) {
  await writeFile(path(name), `#!/bin/sh\n${text}\n`);
  await chmod(path(name), 0o755);
}
const { PATH } = cleanEnvironment();
const env = cleanEnvironment({ ...standIn.env, PATH: `${directory}:${PATH}` });

const skip = without("psql") || (!HAS_PROC && "no /proc");

function path(name: string): string {
  return join(directory, name);
}

async function content(name: string): Promise<string> {
  return await readFile(path(name), "utf8").catch(() => "");
}

// In a session of its own, without a terminal; "$@" is rdsiam.
function shell(name: string, script: string): Promise<Finished> {
  return run(["setsid", name, "-c", script, name, ...COMMAND], { env });
}

describe("what was ignored at the start stays ignored, for rdsiam and the tool", { skip }, () => {
  const survivors: readonly (readonly [string, string, string])[] = [
    ["nohup without a terminal", "bash", `nohup "$@" exec prod raise HUP </dev/null; :`],
    ["nohup in the background of sh", "sh", `nohup "$@" exec prod raise HUP & wait $!`],
    ["a script under nohup", "sh", `exec nohup sh -c '"$@" exec prod raise HUP; :' sh "$@"`],
    ["trap '' HUP", "sh", `trap '' HUP; "$@" exec prod raise HUP; :`],
    ["trap '' INT", "sh", `trap '' INT; "$@" exec prod raise INT; :`],
    ["trap '' INT in bash", "bash", `trap '' INT TERM; "$@" exec prod raise INT TERM; :`],
    ["trap '' for all", "sh", `trap '' INT QUIT TERM; "$@" exec prod raise INT QUIT TERM; :`],
    ["a background job", "sh", `"$@" exec prod raise INT QUIT & wait $!`],
    ["a background job and more", "bash", `"$@" exec prod raise INT QUIT & sleep 60 & wait $1; :`],
    ["a background subshell", "sh", `("$@" exec prod raise INT; :) & wait $!`],
  ];
  for (const [name, program, script] of survivors) {
    test(`${name}`, async () => {
      const ran = await shell(program, script.replace("wait $1", "wait %1; kill $!"));
      assert.deepEqual([ran.stdout, ran.stderr.replace(/^nohup: .*\n/, "")], ["42\n", ""]);
    });
  }

  test("nohup on a terminal that is closed", async () => {
    await using terminal = await openShell(env);
    const out = path("nohup.out");
    terminal.type(`nohup ${RDSIAM} exec prod until-told ${path("nohup")} >${out} 2>&1 &\r`);
    await until(async () => (await content("nohup")) !== "", "the tool runs");
    const group = (await content("nohup")).trim();
    terminal.type(`kill -HUP -- -${group}; echo se""nt\r`);
    await terminal.shows(/sent\r/);
    terminal.close();
    await terminal.exited;
    await writeFile(path("nohup.go"), "");
    await until(async () => /^42$/m.test(await content("nohup.out")), "the tool has survived");
  });

  test("rdsiam proxy goes on after SIGHUP and SIGINT, and ends with SIGTERM", async () => {
    const script = `trap '' HUP INT; "$@" proxy prod; echo status=$?`;
    const signal = async (line: Buffer): Promise<void> => {
      const all = await marked("ignoring-proxy");
      const found = all.find(({ words }) => words.includes("proxy"));
      assert.ok(found, "the proxy is not to be found");
      for (const name of ["SIGHUP", "SIGINT"]) process.kill(found.pid, name);
      const [url = ""] = /postgresql:\S+/.exec(String(line)) ?? [];
      const login = await run(["psql", url, "-XAtc", "select 42"], { env });
      assert.equal(login.stdout, "42\n", login.stderr);
      process.kill(found.pid, "SIGTERM");
    };
    const ran = await run(["setsid", "sh", "-c", script, "sh", ...COMMAND], {
      env: { ...env, RDSIAM_TEST_MARK: "ignoring-proxy" },
      started: ({ stdout }) => void stdout?.once("data", (line: Buffer) => void signal(line)),
    });
    assert.match(ran.stdout, /^status=0$/m);
  });

  test("rdsiam relay under nohup goes on after SIGHUP, and ends with SIGTERM", async () => {
    const before = ["setsid", "bash", "-c", `nohup "$@"`, "bash"];
    await using relay = await startTestRelay(standIn, { rules: RULES, before });
    relay.child.kill("SIGHUP");
    const socket = connect({ host: "localhost", port: relay.port, ca: standIn.authority.cert });
    await once(socket, "secureConnect");
    socket.destroy();
    assert.doesNotMatch(relay.output(), /refuses new sessions/);
    const exited = once(relay.child, "exit");
    relay.child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  });
});

describe("what was not ignored is not", { skip }, () => {
  for (const program of ["sh", "bash"]) {
    test(`${program}: a program in the foreground without stdin, and one of a pipeline`, async () => {
      const script = `"$@" exec prod alone INT </dev/null; echo status=$?
        "$@" exec prod alone QUIT </dev/null | cat; echo piped`;
      const ran = await shell(program, script);
      assert.equal(ran.stdout, "status=130\npiped\n");
    });
  }
});

describe("SIGINT and SIGQUIT for rdsiam alone", { skip }, () => {
  test("without a terminal SIGINT cancels psql's query, and psql's status is rdsiam's", async () => {
    const words = ["psql", "prod", "-Atc", "select pg_sleep(60), 'alone'"];
    const ran = await run(["setsid", ...COMMAND, ...words], {
      env,
      started: (child) => void until(queryRuns, "the query runs").then(() => child.kill("SIGINT")),
    });
    assert.equal(ran.status, 1);
    assert.match(ran.stderr, /canceling statement due to user request/);
  });

  test("in the background of a terminal they end the tool", async () => {
    await using terminal = await openShell(env);
    for (const [signal, status] of [
      ["INT", 130],
      ["QUIT", 131],
    ] as const) {
      terminal.type(`ulimit -c 0; ${RDSIAM} exec prod alone ${signal} & wait $!; echo status=$?\r`);
      await terminal.shows(new RegExp(`status=${status}\r`));
    }
  });

  test("in the foreground of a terminal the tool has one SIGINT for one Ctrl-C", async () => {
    await using terminal = await openShell(env);
    terminal.type(`${RDSIAM} exec prod count-int\r`);
    await terminal.shows(/ready\r/);
    terminal.type("\x03");
    await terminal.shows(/count=1\r/);
    await terminal.shows(/prompt> $/);
    // What another window sends to rdsiam alone cannot be told from Ctrl-C.
    terminal.type(`${RDSIAM} exec prod sh -c 'kill -INT $PPID; psql -XAtc "select 40 + 2"'\r`);
    await terminal.shows(/\n42\r/);
  });
});

async function queryRuns(): Promise<boolean> {
  const query = "select from pg_stat_activity where state = 'active' and query ~ 'alone'";
  return (await standIn.postgres.query(`${query} and pid <> pg_backend_pid()`)).rows.length > 0;
}

describe("a terminal that has gone", { skip }, () => {
  const wrap = (out: string): string =>
    `sh -c '"$@" >${out} 2>&1; echo rc=$? >>${out}' sh ${RDSIAM}`;

  for (const [name, before, after] of [
    ["of a session of its own", "setsid -f ", ""],
    ["of a job that was disowned", "", " & disown"],
  ] as const) {
    test(`a run ${name} ends with the tool's status and nothing else`, async () => {
      const id = `gone-${before.length}`;
      await using terminal = await openShell(env);
      terminal.type(
        `${before}${wrap(path(`${id}.out`))} exec prod until-told ${path(id)}${after}\r`,
      );
      await until(async () => (await content(id)) !== "", "the tool runs");
      terminal.close();
      await terminal.exited;
      await writeFile(path(`${id}.go`), "");
      await until(async () => /rc=/.test(await content(`${id}.out`)), "it has ended");
      assert.equal(await content(`${id}.out`), "42\nrc=0\n");
    });
  }

  for (const [command, status] of [
    ["proxy", 0],
    ["token", 143],
  ] as const) {
    test(`rdsiam ${command} ends there with ${status} on SIGTERM, and without a trace`, async () => {
      await using silent = await silentServer();
      const out = `term-${command}`;
      const servers = command === "token" ? { RDSIAM_DNS_SERVERS: silent.address } : {};
      await using terminal = await openShell({ ...env, ...servers, RDSIAM_TEST_MARK: out });
      terminal.type(`setsid -f ${wrap(path(out))} ${command} prod\r`);
      if (command === "token") await silent.asked;
      else await until(async () => (await content(out)).includes("postgresql:"), "it serves");
      terminal.close();
      await terminal.exited;
      const found = (await marked(out)).find(
        ({ words }) => words[0] !== "sh" && words.includes(command),
      );
      assert.ok(found, "it is not to be found");
      process.kill(found.pid, "SIGTERM");
      await until(async () => (await content(out)).includes("rc="), "it has ended");
      const printed = (await content(out)).replace(/^postgresql:.*\n|^.*\bTerminated\n/gm, "");
      assert.equal(printed, `rc=${status}\n`);
    });
  }
});

/** A name server that is asked and never answers. */
interface SilentServer extends AsyncDisposable {
  readonly address: string;
  readonly asked: Promise<unknown>;
}

async function silentServer(): Promise<SilentServer> {
  const socket = createSocket("udp4");
  const asked = once(socket, "message");
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const close = () => new Promise<void>((resolve) => socket.close(resolve));
  return { address: `127.0.0.1:${socket.address().port}`, asked, [Symbol.asyncDispose]: close };
}

const own = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
const UNSHARE = ["setsid", "unshare", ...own, "--pid", "--fork", "--kill-child"];
const [setsid = "", ...unshare] = UNSHARE;
const cannot = spawnSync(setsid, [...unshare, "true"]).status !== 0 && "no process id namespaces";

describe("as process 1", { skip: skip || cannot }, () => {
  /** Runs it as process 1, and sends it a signal once `ready`. */
  const signalled = (
    words: readonly string[],
    signal: NodeJS.Signals,
    {
      ready,
      more,
    }: { ready: (child: ChildProcess) => Promise<unknown>; more?: Record<string, string> },
  ): Promise<Finished> => {
    const kill = async (child: ChildProcess): Promise<void> => {
      const { pid } = child;
      await ready(child);
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
      process.kill(Number(children), signal);
    };
    return run([...UNSHARE, ...COMMAND, ...words], {
      env: { ...env, ...more },
      started: (child) => void kill(child),
    });
  };

  for (const signal of ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR2", "SIGALRM"] as const) {
    const status = 128 + constants.signals[signal];
    test(`${signal} ends it with ${status} before the tool, and while it runs`, async () => {
      await using silent = await silentServer();
      const id = `first-${signal}`;
      const [early, late] = await Promise.all([
        signalled(["token", "prod"], signal, {
          ready: () => silent.asked,
          more: { RDSIAM_DNS_SERVERS: silent.address },
        }),
        signalled(["exec", "prod", "until-told", path(id)], signal, {
          ready: () => until(async () => (await content(id)) === "1\n", "the tool runs"),
        }),
      ]);
      assert.deepEqual([early.status, late.status], [status, status]);
    });
  }

  test("SIGTERM ends a proxy without sessions at once", async () => {
    let start = 0;
    const ran = await signalled(["proxy", "prod"], "SIGTERM", {
      ready: async ({ stdout }) => {
        assert.ok(stdout);
        await once(stdout, "data");
        start = performance.now();
      },
    });
    assert.equal(ran.status, 0);
    assert.ok(performance.now() - start < 3_000, "it took too long");
  });
});
