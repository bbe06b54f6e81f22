// `rdsiam exec` with its options, the built program on the stand-in: --database-url, --template, several targets, --read-only.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rdsiam, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());

async function stdoutOf(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const ran = await rdsiam(args, { env: { ...standIn.env, ...env } });
  assert.deepEqual([ran.status, ran.stderr], [0, ""], args.join(" "));
  return ran.stdout;
}

const skip = without("psql");
const WHO = `-Atc 'select current_user, current_database()'`;

test("rdsiam exec --database-url: the URL alone opens a session", { skip }, async () => {
  const alone = `url=$0; unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD; psql "$url" ${WHO}`;
  for (const [option, name] of [
    ["--database-url", "DATABASE_URL"],
    ["--database-url=APP_DB", "APP_DB"],
  ] as const) {
    const script = `sh -c '${alone.replaceAll("'", `'\\''`)}' "$${name}"`;
    assert.equal(await stdoutOf(["exec", option, "prod", "sh", "-c", script]), "app_ro|orders\n");
  }
  for (const [value, name] of [
    ["1", "DATABASE_URL"],
    ["yes", "DATABASE_URL"],
    ["APP_DB", "APP_DB"],
  ] as const) {
    const words = ["exec", "prod", "sh", "-c", `echo "\${${name}%%:*}"`];
    assert.equal(await stdoutOf(words, { RDSIAM_DATABASE_URL: value }), "postgresql\n", value);
  }
});

test(
  "rdsiam exec warns of a URL in the shell that leads the tool elsewhere",
  { skip },
  async () => {
    const url = "postgres://other.example.com/x";
    const exec = async (env: Readonly<Record<string, string>>, ...words: string[]) =>
      (await rdsiam(["exec", ...words], { env: { ...standIn.env, ...env } })).stderr;
    for (const name of ["DATABASE_URL", "JDBC_URL"]) {
      const value = name === "JDBC_URL" ? `jdbc:${url}` : url;
      const stderr = await exec({ [name]: value }, "prod", "true");
      assert.match(stderr, new RegExp(`^rdsiam: warning: ${name} in the environment `));
      assert.doesNotMatch(stderr, /other\.example/);
    }
    assert.equal(await exec({ DATABASE_URL: url }, "--database-url", "prod", "true"), "");
    assert.equal(
      await exec({ DATABASE_URL: url }, "--env", "DATABASE_URL={url}", "prod", "true"),
      "",
    );
    assert.equal(await exec({ DATABASE_URL: url }, "prod", "psql", "--version"), "");
    assert.equal(await exec({ DATABASE_URL: "mysql://x" }, "prod", "true"), "");
  },
);

test("rdsiam exec --template: arguments are filled in, and hold no secret", { skip }, async () => {
  const script = `case "$*" in *"$PGPASSWORD"*) echo leaked ;; esac; echo "$1"; psql "$2" ${WHO}`;
  const words = ["sh", "-c", script, "sh", "jdbc:postgresql://{host}:{port}/{dbname}", "{url}"];
  const [jdbc, who] = (await stdoutOf(["exec", "--template", "prod", ...words])).split("\n");
  assert.match(jdbc ?? "", /^jdbc:postgresql:\/\/127\.0\.0\.1:\d+\/orders$/);
  assert.equal(who, "app_ro|orders");
});

test(
  "rdsiam exec --env: the tool logs in with what it sets, and no argument has the secret",
  { skip },
  async () => {
    const script = `case "$*" in *"$APP_PASSWORD"*) echo leaked ;; esac
url=$APP_URL password=$APP_PASSWORD; unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD
psql "$url" ${WHO}; PGPASSWORD=$password psql "$APP_PLACE" ${WHO}`;
    const variables = [
      "APP_URL={url}",
      "APP_PASSWORD={password}",
      "APP_PLACE=postgresql://{user}@{host}:{port}/{dbname}",
    ];
    const words = [...variables.flatMap((each) => ["--env", each]), "prod", "sh", "-c", script];
    assert.equal(await stdoutOf(["exec", ...words]), "app_ro|orders\napp_ro|orders\n");
    const env = { RDSIAM_ENV: "WHO={user}" };
    assert.equal(await stdoutOf(["exec", "prod", "sh", "-c", "echo $WHO"], env), "app_ro\n");
  },
);

test(
  "rdsiam exec --target src=... --target dst=...: a proxy each, and no PGHOST of any",
  { skip },
  async () => {
    const script = `psql "$SRC_URL" ${WHO}
PGHOST=$DST_PGHOST PGPORT=$DST_PGPORT PGUSER=$DST_PGUSER PGDATABASE=$DST_PGDATABASE PGPASSWORD=$DST_PGPASSWORD psql ${WHO}
echo "[$PGHOST$PGPORT$PGUSER$PGDATABASE$PGPASSWORD$RDSIAM_TARGET$RDSIAM_HOST]"
PGPASSWORD=$DST_PGPASSWORD psql "host=$SRC_PGHOST port=$SRC_PGPORT user=$SRC_PGUSER dbname=orders" -c 'select 1' 2>/dev/null; echo $?`;
    const targets = ["--target", "src=prod", "--target", "dst=admin"];
    // The user's own must not take the place of what is not set.
    const env = { PGHOST: "elsewhere", PGUSER: "me", PGPASSWORD: "mine" };
    const shown = await stdoutOf(["exec", ...targets, "--", "sh", "-c", script], env);
    assert.deepEqual(shown.split("\n").slice(0, 3), ["app_ro|orders", "app_admin|orders", "[]"]);
    // The secret of one proxy opens no other.
    assert.equal(shown.split("\n")[3], "2");
  },
);

test(
  "rdsiam exec --target TARGET --target src=...: PGHOST and the others are TARGET's",
  { skip },
  async () => {
    const targets = ["--target", "admin", "--target", "src=prod", "--database-url"];
    const script = `psql ${WHO}; psql "$DATABASE_URL" ${WHO}; psql "$SRC_DATABASE_URL" ${WHO}`;
    assert.deepEqual(
      (await stdoutOf(["exec", ...targets, "--", "sh", "-c", script])).trim().split("\n"),
      ["app_admin|orders", "app_admin|orders", "app_ro|orders"],
    );
  },
);

const TRY_TO_WRITE = [
  "-v",
  "VERBOSITY=sqlstate",
  "-c",
  "create temporary table t (a int); create table t2 (a int)",
];

test(
  "--read-only, RDSIAM_READ_ONLY and rds_read_only: no tool writes, whatever its own options say",
  { skip },
  async () => {
    await standIn.addProfile(
      "readonly",
      { ...standIn.targetSettings, rds_user: "app_admin", rds_read_only: "yes" },
      standIn.key,
    );
    const own = { PGOPTIONS: "-c default_transaction_read_only=off -c geqo=off" };
    for (const [args, env] of [
      [["psql", "--read-only", "admin"], {}],
      [["exec", "--read-only", "admin", "psql"], own],
      [["psql", "admin"], { RDSIAM_READ_ONLY: "yes" }],
      [["psql", "admin"], { RDSIAM_READ_ONLY: "1" }],
      [["psql", "readonly"], own],
    ] as const) {
      const ran = await rdsiam([...args, ...TRY_TO_WRITE], { env: { ...standIn.env, ...env } });
      assert.deepEqual([ran.status, ran.stderr], [1, "ERROR:  25006\n"], args.join(" "));
    }
    const shown = await stdoutOf(["psql", "--read-only", "prod", "-Atc", "show geqo"], own);
    assert.equal(shown, "off\n");
  },
);

test("rdsiam exec: what cannot be is told before anything is opened", async () => {
  const questions = standIn.dns.queries.length;
  for (const [args, message] of [
    [["--template", "prod", "echo", "{password}"], /does not fill in \{password\}/],
    [["--template", "prod", "echo", "x"], /nothing to fill in/],
    [["--database-url=a-b", "prod", "env"], /not a valid variable name/],
    [["--database-url=PGHOST", "prod", "env"], /--database-url cannot set PGHOST/],
    [["--target", "src=prod", "--port", "5000", "--", "env"], /--port .* works with one target/],
    [["--target", "src=prod"], /no command to run/],
    [["--target", "src=prdo", "--", "env"], /unknown target "prdo"[^]*Did you mean "prod"/],
  ] as const) {
    const ran = await rdsiam(["exec", ...args], { env: standIn.env });
    assert.equal(ran.status, 125, ran.stdout);
    assert.match(ran.stderr, message);
  }
  assert.equal(standIn.dns.queries.length, questions);
});
