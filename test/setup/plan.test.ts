// What setup finds missing in a real PostgreSQL, with names of every kind, and that its statements mend that and nothing else.
import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import type { Client } from "pg";
import type { DatabaseResource } from "../../src/aws/database-resource.ts";
import { makePgClient } from "../../src/demo/pg-client.ts";
import { type Postgres, startPostgres } from "../../src/demo/postgres.ts";
import { makeRoleStatements } from "../../src/demo/postgres-seed.ts";
import { identifier } from "../../src/rds/grants.ts";
import type { OwnSession } from "../../src/session/open-session.ts";
import {
  type DatabaseState,
  readDatabase,
  type SetupGoal,
} from "../../src/setup/database-state.ts";
import { makePlan, type SetupFacts } from "../../src/setup/plan.ts";

let postgres: Postgres;
let master: Client;
before(async () => {
  const temporaryDirectory = process.env["TMPDIR"] ?? "/tmp";
  postgres = await startPostgres({ env: process.env, from: [process.cwd()], temporaryDirectory });
  const passwords = { legacy: "legacy", master: "master" };
  for (const statement of makeRoleStatements(passwords, [])) await postgres.query(statement);
  const { directory: host, port } = postgres;
  master = makePgClient({
    host,
    port,
    user: "postgres",
    database: "inventory",
    password: "master",
  });
  await master.connect();
});
after(async () => {
  await master?.end();
  await postgres?.[Symbol.asyncDispose]();
});

const session: OwnSession = {
  ask: async (text) => {
    const types = { getTypeParser: () => (value: string) => value };
    const { rows } = await master.query<(string | null)[]>({ text, rowMode: "array", types });
    return rows.map((row) => row.map((value) => value ?? undefined));
  },
  [Symbol.asyncDispose]: async () => {},
};

function goalFor(user: string, more: Partial<SetupGoal> = {}): SetupGoal {
  const base = { dbname: "inventory", server: "database", iamArn: undefined } as const;
  return { ...base, user, level: undefined, schemas: [], ...more };
}

const RESOURCE: DatabaseResource = {
  kind: "instance",
  name: "inventory",
  resourceId: "db-ONE",
  account: "123456789012",
  partition: "aws",
  iam: true,
  isChanging: false,
  isOwnEndpoint: true,
  isExpress: false,
  masterUser: "postgres",
  switchOn: "aws rds modify-db-instance --db-instance-identifier inventory",
};

async function planFor(goal: SetupGoal, more: Partial<SetupFacts> = {}) {
  const database = await readDatabase(session, goal);
  const facts = {
    goal,
    database,
    region: "eu-west-1",
    resource: RESOURCE,
    policy: undefined,
    file: undefined,
  };
  return makePlan({ ...facts, ...more });
}

async function apply(goal: SetupGoal): Promise<string[]> {
  const steps = await planFor(goal);
  for (const { lines } of steps) await master.query(lines.join("\n"));
  return steps.map(({ key }) => key);
}

test("makePlan() + a name of any kind is quoted right: the plan makes that user, in that schema, and nothing is left to do", async () => {
  const hostile = fc.stringMatching(/^[a-zA-Z"'\\$;: ?*()-]{1,12}$/);
  const any = fc.string({ unit: "grapheme", minLength: 1, maxLength: 14 });
  const name = fc
    .oneof(
      hostile,
      any,
      fc.constantFrom(`x"; DROP ROLE legacy; --`, "a\nb", "public ", "SELECT", "\\' OR 1=1", "ünï"),
    )
    .filter(
      (text) =>
        !text.includes("\0") &&
        !text.startsWith("pg_") &&
        Buffer.byteLength(text) < 50 &&
        text !== "public",
    );
  let count = 0;
  await fc.assert(
    fc.asyncProperty(name, name, fc.constantFrom("read", "write"), async (first, second, level) => {
      count += 1;
      const user = `${count} ${first}`;
      const schema = `${count}${second}`;
      const before = await catalog();
      await master.query(
        `SET search_path = public; CREATE SCHEMA ${identifier(schema)}; CREATE TABLE ${identifier(schema)}.t (id serial)`,
      );
      const goal = goalFor(user, { level, schemas: [schema] });
      const keys = await apply(goal);
      assert.deepEqual(keys, ["role", "member", "connect", `grants ${schema}`]);
      assert.deepEqual(await planFor(goal), []);
      // A table to come.
      await master.query(`CREATE TABLE ${identifier(schema)}.later (id serial)`);
      assert.deepEqual(await planFor(goal), []);
      const { rows } = await master.query<{ may: boolean; mayWrite: boolean; login: boolean }>(
        `SELECT rolcanlogin AS login, has_table_privilege(oid, $2, 'SELECT') AS may, has_table_privilege(oid, $2, 'DELETE') AS "mayWrite" FROM pg_roles WHERE rolname = $1`,
        [user, `${identifier(schema)}.later`],
      );
      assert.deepEqual(rows, [{ login: true, may: true, mayWrite: level === "write" }]);
      assert.deepEqual(await catalog(), {
        roles: [...before.roles, user].toSorted(),
        schemas: [...before.schemas, schema].toSorted(),
      });
    }),
    { numRuns: 20 },
  );
});

async function catalog() {
  const names = async (sql: string): Promise<string[]> => {
    const { rows } = await postgres.query(sql);
    return rows.map(({ name }: { readonly name: string }) => name).toSorted();
  };
  const inInventory = await master.query<{ name: string }>(
    "SELECT nspname::text AS name FROM pg_namespace",
  );
  return {
    roles: await names("SELECT rolname::text AS name FROM pg_roles"),
    schemas: inInventory.rows.map(({ name }) => name).toSorted(),
  };
}

test("makePlan() + a function of another user's does not take the place of PostgreSQL's own (CVE-2018-1058)", async () => {
  // Of a call with literals alone, a function that takes text is preferred.
  await master.query(
    `RESET search_path; CREATE FUNCTION public.has_database_privilege(text, text, text) RETURNS boolean LANGUAGE sql AS
     'SELECT set_config(''rdsiam.hijacked'', ''yes'', false) IS NOT NULL'`,
  );
  await planFor(goalFor("someone", { level: "read", schemas: ["public"] }));
  const { rows } = await master.query<{ it: string | null }>(
    "SELECT current_setting('rdsiam.hijacked', true) AS it",
  );
  assert.ok(!rows[0]?.it);
  assert.equal(
    (await master.query<{ search_path: string }>("SHOW search_path")).rows[0]?.search_path,
    "pg_catalog",
  );
});

test("makePlan() + a user that is there is warned of, and its login is not taken for nothing", async () => {
  const steps = await planFor(goalFor("legacy"));
  assert.deepEqual(
    steps.map(({ key }) => key),
    ["member", "connect"],
  );
  assert.match(
    steps[0]?.warning ?? "",
    /^"legacy" already exists: .* its password no longer works$/,
  );
  await postgres.query("CREATE ROLE sleeping NOLOGIN IN ROLE rds_iam");
  const [first] = await planFor(goalFor("sleeping"));
  assert.deepEqual(first?.lines, ['ALTER ROLE "sleeping" LOGIN;']);
});

test("makePlan() + the master user, and the administrator itself, never get rds_iam; of the express configuration there is nothing to do", async () => {
  const refused = {
    code: "ERR_USAGE",
    message: '"postgres" is the database\'s master user, or the administrator itself',
  };
  await assert.rejects(planFor(goalFor("postgres")), refused);
  const other = { resource: { ...RESOURCE, masterUser: "legacy" } };
  await assert.rejects(planFor(goalFor("legacy"), other), { code: "ERR_USAGE" });
  const database: DatabaseState = {
    admin: "postgres",
    role: "login",
    isIam: true,
    canConnect: true,
    schemas: [],
  };
  const express = { ...RESOURCE, isExpress: true };
  const facts = {
    goal: goalFor("postgres"),
    database,
    region: "eu-west-1",
    policy: undefined,
    file: undefined,
  };
  assert.deepEqual(makePlan({ ...facts, resource: express }), []);
});

test("makePlan() + what others own is told: with its owner before anything is done, and what they make later as a note", async () => {
  await postgres.query("CREATE ROLE owner LOGIN");
  const superuser = postgres.makeClient("inventory");
  await superuser.connect();
  await superuser.query(
    "CREATE SCHEMA theirs AUTHORIZATION postgres; CREATE TABLE theirs.t (); ALTER TABLE theirs.t OWNER TO owner",
  );
  try {
    const goal = goalFor("reader", { level: "read", schemas: ["theirs"] });
    await assert.rejects(planFor(goal), {
      message: '"postgres" may not grant on what "owner" owns in the schema "theirs"',
      hint: /^Log in as the owner: --admin-target TARGET\. Or first, as "postgres": GRANT "owner" TO "postgres";$/,
    });
    await superuser.query("GRANT SELECT ON theirs.t TO postgres WITH GRANT OPTION");
    const grants = (await planFor(goal)).at(-1);
    assert.match(
      grants?.warning ?? "",
      /^what "owner" creates there later is not included: "postgres" may not act/,
    );
    await superuser.query("GRANT owner TO postgres");
    const all = (await planFor(goal)).at(-1);
    assert.ok(
      all?.lines.includes(
        'ALTER DEFAULT PRIVILEGES FOR ROLE "owner" IN SCHEMA "theirs" GRANT SELECT ON TABLES TO "reader";',
      ),
    );
    assert.equal(all?.warning, undefined);
  } finally {
    await superuser.end();
  }
  await assert.rejects(planFor(goalFor("reader", { level: "read", schemas: ["nowhere"] })), {
    message: 'there is no schema "nowhere" in the database "inventory"',
  });
});

test('makePlan() + IAM that is off, on its way or on; a policy; a file, in which :"user" is the user', async () => {
  const goal = goalFor("file user");
  const of = (iam: boolean, isChanging: boolean) =>
    planFor(goal, { resource: { ...RESOURCE, iam, isChanging } });
  const [off] = await of(false, false);
  assert.deepEqual(
    [off?.title, off?.lines],
    ["switch IAM authentication on", [`${RESOURCE.switchOn} --region eu-west-1`]],
  );
  assert.equal((await of(true, true))[0]?.title, "wait for IAM authentication");
  assert.equal((await of(true, false))[0]?.key, "role");
  const file = { path: "grants.sql", text: 'GRANT SELECT ON t TO :"user";\n' };
  const document = { Version: "2012-10-17", Statement: [] } as const;
  const policy = {
    identity: { kind: "Role", name: "db reader" },
    name: "p",
    document,
    isThere: false,
  } as const;
  const steps = await planFor(goal, { file, policy });
  assert.deepEqual(
    steps.slice(-2).map(({ lines }) => lines),
    [
      ['GRANT SELECT ON t TO "file user";'],
      [
        'aws iam put-role-policy --role-name \'db reader\' --policy-name p --policy-document \'{"Version":"2012-10-17","Statement":[]}\'',
      ],
    ],
  );
  const dollars = await planFor(goalFor("pay$$ $&"), { file });
  assert.deepEqual(dollars.at(-1)?.lines, ['GRANT SELECT ON t TO "pay$$ $&";']);
  const there = await planFor(goal, { policy: { ...policy, isThere: true } });
  assert.ok(!there.some(({ kind }) => kind === "policy"));
});
