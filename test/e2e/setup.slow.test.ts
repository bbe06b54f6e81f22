// `rdsiam setup` on the stand-in: from a database without an IAM user to psql, what fails in turn, what others do meanwhile.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, test } from "node:test";
import type { Client } from "pg";
import { FRESH_HOST } from "../../src/demo/hosts.ts";
import { FRESH_SECRET, type StandIn } from "../../src/demo/stand-in.ts";
import {
  cleanEnvironment,
  COMMAND,
  type Finished,
  rdsiam,
  run,
  without,
} from "../support/program.ts";
import { openShell } from "../support/pty.ts";
import { startStage } from "../support/stage.ts";
import { until } from "../support/traces.ts";

const PSQL = { skip: without("psql") };
const RDSIAM = COMMAND.map((word) => `'${word}'`).join(" ");
const READ = ["--grant", "read", "--schema", "public", "--schema", "audit"];
const STEPS = [
  "switch IAM authentication on",
  "create the user",
  "let it log in with IAM",
  "let it connect",
  'let it read in the schema "public"',
  'let it read in the schema "audit"',
  "let the user demo log in as it",
];

let standIn: StandIn;
beforeEach(async () => {
  standIn = await startStage();
});
afterEach(() => standIn[Symbol.asyncDispose]());

function setup(...words: readonly string[]): Promise<Finished> {
  return rdsiam(["setup", ...words], { env: standIn.env });
}

async function masterPassword(): Promise<string> {
  const { password } = JSON.parse(standIn.secrets.secrets.get(FRESH_SECRET)?.text ?? "") as {
    readonly password: string;
  };
  return password;
}

function doneSteps({ stdout }: Finished): string[] {
  return [...stdout.matchAll(/^done {2}\d+\. (.*)$/gm)].map(([, title = ""]) => title);
}

function plannedSteps({ stdout }: Finished): string[] {
  return [...stdout.matchAll(/^\d+\. (.*)$/gm)].map(([, title = ""]) => title);
}

async function inInventory(sql: string): Promise<void> {
  const client = standIn.postgres.makeClient("inventory");
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

test(
  "rdsiam setup: asks once, does it, ends with doctor, psql works; the second run has nothing to do",
  PSQL,
  async () => {
    const before = await rdsiam(["psql", "inventory", "-c", "select 1"], { env: standIn.env });
    assert.equal(before.status, 2);
    const asked = await setup("inventory", ...READ);
    assert.equal(asked.status, 125);
    assert.match(
      asked.stderr,
      /^rdsiam: error: there is no terminal to ask on, so nothing was changed\nHINT: {2}Add --yes/,
    );
    assert.deepEqual(
      [standIn.rds.instance.iam, await standIn.postgres.isIamUser("stock_ro")],
      [false, false],
    );

    await using terminal = await openShell(cleanEnvironment({ ...standIn.env, TERM: "xterm" }));
    terminal.type(
      `${RDSIAM} setup inventory ${READ.join(" ")} --attach-policy demo; echo status=$?\r`,
    );
    const shown = await terminal.shows(
      /1\. switch IAM authentication on\r\n[^]*7\. let the user demo log in as it\r\n[^]*Do these 7 steps\? \[y\/N\] $/,
    );
    terminal.type("y\r");
    await terminal.shows(
      /done {2}7\. let the user demo[^]*ok +login +user "stock_ro", database "inventory"[^]*status=0\r/,
    );

    const ran = await rdsiam(
      [
        "psql",
        "inventory",
        "-XAt",
        "-c",
        "select count(*) from items",
        "-c",
        "select count(*) from audit.changes",
      ],
      { env: standIn.env },
    );
    assert.deepEqual([ran.stdout, ran.stderr], ["30\n0\n", ""]);
    const again = await setup("inventory", ...READ, "--attach-policy", "user/demo");
    assert.equal(again.status, 0, again.stdout + again.stderr);
    assert.match(again.stdout, /\nNothing to do: the database is ready\.\n/);
    const changes = (calls: readonly string[]): string[] =>
      calls.filter((call) => /^(?:Modify|Put)/.test(call));
    assert.deepEqual(
      [changes(standIn.rds.calls), changes(standIn.iam.calls)],
      [["ModifyDBInstance"], ["PutUserPolicy"]],
    );
    const [[key, document] = []] = standIn.iam.policies;
    assert.equal(key, "User demo rdsiam-connect-db-MNOPQRSTUVWX56789-stock_ro");
    assert.match(
      document ?? "",
      /"Resource":"arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-MNOPQRSTUVWX56789\/stock_ro"/,
    );
    const output =
      [asked, again, ran].map(({ stdout, stderr }) => stdout + stderr).join("") + shown;
    assert.ok(!output.includes(await masterPassword()));
  },
);

interface Fault {
  /** The step that fails, in words of its title. */
  readonly step: string;
  /** Spoils it, and mends it before the run that goes on. */
  readonly spoil: (on: boolean) => Promise<unknown>;
  readonly says: RegExp;
  /** Spoils it once the plan is made. */
  readonly isLate?: true;
  /** What setup grants in the place of READ. */
  readonly grant?: string;
}

const FAULTS: readonly Fault[] = [
  {
    step: "switch IAM authentication on",
    spoil: async (on) => toggle(standIn.rds.denied, "ModifyDBInstance", on),
    says: /not allowed to call rds:ModifyDBInstance in eu-west-1\nDETAIL: {2}AWS says: User: \S+ is not authorized[^]*HINT: {2}Allow rds:ModifyDBInstance/,
  },
  {
    step: "create the user",
    spoil: async (on) =>
      standIn.postgres.query(`ALTER ROLE postgres ${on ? "NOCREATEROLE" : "CREATEROLE"}`),
    says: /the query failed: CREATE ROLE "stock_ro" LOGIN;\nDETAIL: {2}The database reported 42501: permission denied to create role\./,
  },
  {
    step: "let it log in with IAM",
    spoil: async (on) =>
      standIn.postgres.query(
        on
          ? "ALTER ROLE postgres NOCREATEROLE; CREATE ROLE stock_ro LOGIN"
          : "ALTER ROLE postgres CREATEROLE",
      ),
    says: /GRANT rds_iam TO "stock_ro";\nDETAIL: {2}The database reported 42501/,
  },
  {
    // PostgreSQL only warns of it.
    step: "let it connect",
    spoil: async (on) =>
      standIn.postgres.query(
        `ALTER DATABASE inventory OWNER TO ${on ? "app_admin" : "postgres"}; GRANT CONNECT ON DATABASE inventory TO postgres`,
      ),
    says: /accepted "GRANT CONNECT ON DATABASE "inventory" TO "stock_ro";", and it changed nothing/,
  },
  {
    step: 'let it read in the schema "public"',
    spoil: async (on) =>
      inInventory(
        on
          ? `CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no defaults here'; END $$;
             CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('ALTER DEFAULT PRIVILEGES') EXECUTE FUNCTION refuse()`
          : "DROP FUNCTION refuse CASCADE",
      ),
    says: /the query failed: GRANT SELECT [^]*; ALTER DEFAULT [^]*reported P0001: no defaults here\./,
  },
  {
    step: 'let it read in the schema "audit"',
    spoil: holdChanges,
    says: /the query failed: GRANT USAGE [^]*reported 55P03: canceling statement due to lock timeout\./,
  },
  {
    step: "create the user",
    isLate: true,
    spoil: async (on) => inInventory(`ALTER TABLE items OWNER TO ${on ? "legacy" : "postgres"}`),
    says: /stopped at step 2: "postgres" may not grant on what "legacy" owns in the schema "public"\nDETAIL: {2}Done: 1\./,
  },
  {
    step: "run ",
    grant: `GRANT SELECT ON public.items TO :"user";\nGRANT SELECT ON public.orders TO :"user";\n`,
    spoil: async (on) =>
      inInventory(on ? "SELECT" : "CREATE TABLE orders (); ALTER TABLE orders OWNER TO postgres"),
    says: /the statements of the file failed\nDETAIL: {2}The database reported 42P01: relation "public\.orders" does not exist/,
  },
  {
    step: "let the user demo log in as it",
    spoil: async (on) => toggle(standIn.iam.denied, "PutUserPolicy", on),
    says: /not allowed to call iam:PutUserPolicy/,
  },
];

function toggle(set: Set<string>, name: string, on: boolean): void {
  if (on) set.add(name);
  else set.delete(name);
}

// Another session has changed a table's privileges, and does not end its transaction.
let holder: Client | undefined;
async function holdChanges(on: boolean): Promise<void> {
  if (on) {
    await standIn.postgres.query("ALTER ROLE postgres SET lock_timeout = '200ms'");
    holder = standIn.postgres.makeClient("inventory");
    await holder.connect();
    await holder.query("BEGIN; GRANT SELECT ON audit.changes TO legacy");
  } else await holder?.end();
}

for (const { step, spoil, says, isLate, grant } of FAULTS) {
  const when = isLate === true ? "once the plan is made" : grant === undefined ? "" : "of a file";
  test(
    `rdsiam setup: ${["the step", step.trim(), when].join(" ").trim()} fails: what is done and what is not is said, and the next run goes on`,
    PSQL,
    async () => {
      const file = join(standIn.directory, "grants.sql");
      if (grant !== undefined) await writeFile(file, grant);
      const what = grant === undefined ? READ : ["--grant", file];
      const words = ["inventory", ...what, "--attach-policy", "demo", "--yes"];
      if (isLate !== true) await spoil(true);
      const running = setup(...words);
      if (isLate === true) {
        const { calls } = standIn.rds;
        await until(async () => calls.includes("ModifyDBInstance"), "IAM is being switched on");
        await spoil(true);
      }
      const failed = await running;
      assert.equal(failed.status, 125, failed.stdout + failed.stderr);
      assert.match(failed.stderr, says);
      const planned = plannedSteps(failed);
      if (step === STEPS.at(-1)) {
        assert.deepEqual(planned, STEPS);
        const seen = new Set(FAULTS.map((fault) => fault.step));
        assert.ok(STEPS.every((title) => seen.has(title)));
      }
      const at = planned.findIndex((title) => title.startsWith(step));
      const numbers = planned.map((_, index) => index + 1);
      const done = numbers.slice(0, at).join(", ") || "none";
      const left = numbers.slice(at).join(", ");
      assert.match(failed.stderr, new RegExp(`^rdsiam: error: setup stopped at step ${at + 1}: `));
      assert.ok(failed.stderr.includes(`Done: ${done}. Not done: ${left}.\n`), failed.stderr);
      assert.match(
        failed.stderr,
        /[Tt]hen run rdsiam setup again: it continues where it stopped\.\n$/,
      );
      assert.deepEqual(doneSteps(failed), planned.slice(0, at));
      await spoil(false);
      const again = await setup(...words);
      assert.equal(again.status, 0, again.stdout + again.stderr);
      // What was not done is left, the whole of it.
      const rest = planned.slice(at);
      assert.deepEqual([plannedSteps(again), doneSteps(again)], [rest, rest]);
      assert.match(again.stdout, /^ok +login /m);
    },
  );
}

test(
  "rdsiam setup of a cluster: IAM is switched on there; the master user of the express configuration is left alone",
  PSQL,
  async () => {
    const { cluster } = standIn.rds;
    cluster.iam = false;
    const shut = await rdsiam(["psql", "prod", "-c", "select 1"], { env: standIn.env });
    assert.equal(shut.status, 2, shut.stdout);
    const ran = await setup("prod", "-U", "four", "--yes");
    assert.equal(ran.status, 0, ran.stdout + ran.stderr);
    assert.deepEqual(doneSteps(ran), [STEPS[0], "create the user", "let it log in with IAM"]);
    assert.match(ran.stdout, /modify-db-cluster --db-cluster-identifier orders /);
    assert.ok(standIn.rds.calls.includes("ModifyDBCluster"));

    cluster.isExpress = true;
    cluster.masterSecret = undefined;
    const refused = await setup("prod", "-U", "postgres", "--admin-target", "admin", "--yes");
    assert.equal(refused.status, 125, refused.stdout);
    assert.match(refused.stderr, /"postgres" is the database's master user/);
    assert.equal(await standIn.postgres.isIamUser("postgres"), false);
    // There it has rds_iam from the start, and is the administrator.
    await standIn.postgres.query("GRANT rds_iam TO postgres");
    const master = await setup("prod", "-U", "postgres");
    assert.match(master.stdout, /as "postgres" \(IAM\)[^]*\nNothing to do/, master.stderr);
    const other = await setup("prod", "-U", "five", "--yes");
    assert.equal(other.status, 0, other.stdout + other.stderr);
    assert.match(other.stdout, /"five" in [^\n]*, as "postgres" \(IAM\)/);
  },
);

test(
  "rdsiam setup: runs at the same time do each step once, and all of them succeed",
  PSQL,
  async () => {
    const words = ["inventory", ...READ, "--attach-policy", "demo", "--yes"];
    const runs = await Promise.all([1, 2, 3, 4].map(() => setup(...words)));
    for (const { status, stdout, stderr } of runs) assert.equal(status, 0, stdout + stderr);
    const { rows } = await standIn.postgres.query(
      "SELECT count(*)::int AS roles FROM pg_roles WHERE rolname = 'stock_ro'",
    );
    assert.deepEqual(rows, [{ roles: 1 }]);
    assert.match((await setup("inventory", ...READ)).stdout, /Nothing to do/);
  },
);

test(
  "rdsiam setup --print: the script does the same as the run, by the AWS CLI and psql",
  { skip: without("psql", "aws") },
  async () => {
    const printed = await setup("inventory", ...READ, "--attach-policy", "demo", "--print");
    assert.equal(printed.status, 0, printed.stderr);
    assert.deepEqual([standIn.rds.instance.iam, standIn.iam.policies.size], [false, 0]);
    const bin = standIn.directory;
    await writeFile(join(bin, "rdsiam"), `#!/bin/sh\nexec ${RDSIAM} "$@"\n`, { mode: 0o755 });
    const env = {
      ...standIn.env,
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    };
    const ran = await run(["sh", "-c", printed.stdout], { env });
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(
      (await setup("inventory", ...READ, "--attach-policy", "demo")).stdout,
      /Nothing to do/,
    );
    // Another host, with another target and without one: the script goes there too.
    const host = `${FRESH_HOST}:${standIn.fresh.port}`;
    const there = ["--host", host, "-d", "inventory", "--print"];
    const bare = {
      ...env,
      RDSIAM_DNS_SERVERS: standIn.dns.address,
      RDSIAM_SSLROOTCERT: standIn.caFile,
    };
    for (const words of [["prod"], ["--profile", "prod"]]) {
      const user = words.length === 1 ? "one" : "two";
      const script = await rdsiam(["setup", "-U", user, ...there, ...words], { env: bare });
      assert.equal(script.status, 0, script.stderr);
      const done = await run(["sh", "-c", script.stdout], { env: bare });
      assert.equal(done.status, 0, done.stderr);
      const { rows } = await standIn.postgres.query(
        `SELECT pg_has_role('${user}', 'rds_iam', 'MEMBER') AS iam`,
      );
      assert.deepEqual(rows, [{ iam: true }]);
    }
  },
);

test(
  "rdsiam setup: the administrator by a secret's ARN, a password command and another target; a file of SQL",
  PSQL,
  async () => {
    const file = join(standIn.directory, "grants.sql");
    await writeFile(file, 'GRANT SELECT (name) ON public.items TO :"user";\n');
    const bySecret = await setup(
      "inventory",
      "-U",
      "one",
      "--admin-secret",
      FRESH_SECRET,
      "--grant",
      file,
      "--yes",
    );
    assert.match(
      bySecret.stdout,
      /as "postgres" \(the secret arn:[^]*run \S+grants\.sql\n {5}GRANT SELECT \(name\) ON public\.items TO "one";\n/,
    );
    assert.equal(bySecret.status, 0, bySecret.stderr);
    const command = `echo ${await masterPassword()}`;
    const byCommand = await rdsiam(["setup", "inventory", "-U", "two", "--yes"], {
      env: { ...standIn.env, RDSIAM_ADMIN_PASSWORD_COMMAND: command },
    });
    assert.equal(byCommand.status, 0, byCommand.stdout + byCommand.stderr);
    assert.ok(!`${byCommand.stdout}${byCommand.stderr}`.includes(command));
    await standIn.postgres.query("REVOKE rds_iam FROM two");
    const byTarget = await setup(
      "prod",
      "-U",
      "three",
      "--admin-target",
      "admin",
      "--grant",
      "write",
      "--schema",
      "shop",
      "--yes",
    );
    assert.equal(byTarget.status, 0, byTarget.stdout + byTarget.stderr);
    assert.match(byTarget.stdout, /as "app_admin" \(target "admin"\)/);
    const elsewhere = await setup("inventory", "--admin-target", "admin", "--yes");
    assert.match(elsewhere.stderr, /"admin" is not the same database as "inventory"/);
    const both = await setup("inventory", "--admin-target", "admin", "--admin-secret", "auto");
    assert.match(both.stderr, /cannot be combined/);
    standIn.rds.instance.masterSecret = undefined;
    const none = await setup("inventory", "--yes");
    assert.match(
      none.stderr,
      /no administrator's login for "inventory"\nDETAIL: {2}RDS does not manage[^]*HINT: {2}Add --admin-secret ARN/,
    );
  },
);

test(
  "rdsiam setup on Aurora DSQL: the role, its mapping and privileges, as admin",
  PSQL,
  async () => {
    const first = await setup("ledger", "-U", `bo"b`, "--grant", "read", "--yes");
    assert.equal(first.status, 0, first.stdout + first.stderr);
    assert.match(
      first.stdout,
      /2\. map it to arn:aws:iam::123456789012:user\/demo\n {5}AWS IAM GRANT "bo""b" TO 'arn:aws:iam::123456789012:user\/demo';/,
    );
    const ran = await rdsiam(
      ["psql", "-U", `bo"b`, "ledger", "-XAtc", "select count(*) from entries"],
      { env: standIn.env },
    );
    assert.equal(ran.stdout, "60\n", ran.stderr);
    assert.match((await setup("ledger", "-U", `bo"b`, "--grant", "read")).stdout, /Nothing to do/);
  },
);

test(
  "rdsiam setup: without rds:Describe... it says what is not known, and does the rest",
  PSQL,
  async () => {
    standIn.rds.denied.add("DescribeDBInstances");
    const ran = await setup("inventory", "--admin-secret", FRESH_SECRET, "--yes");
    assert.match(ran.stdout, /done {2}3\. let it connect\n/);
    assert.match(
      ran.stderr,
      /RESOURCE-ID is not known: not allowed to call rds:DescribeDBInstances/,
    );
    assert.equal(ran.status, 1, ran.stdout);
    assert.match(ran.stdout, /^FAIL +login /m);
  },
);
