// Sessions in DSQL's dialect: what a frontend sees is what a server sends that takes the settings. That server is a real PostgreSQL;
// the same conversation goes to it as it is, and through the dialect, which must not let any of those settings through.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import process from "node:process";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { SUPERUSER } from "../../src/demo/postgres.ts";
import type { Backend } from "../../src/proxy/backend.ts";
import { backendSecureContext } from "../../src/proxy/backend-tls.ts";
import { DsqlDialect } from "../../src/proxy/dsql-dialect.ts";
import { type Proxy, startProxy } from "../../src/proxy/proxy.ts";
import type { ProxyEvent } from "../../src/proxy/proxy-options.ts";
import { cleanEnvironment, type Finished, run, without } from "../support/program.ts";
import { errorFields, int32, RawFrontend, startup } from "../support/raw-frontend.ts";
import { HOST, message } from "../support/scripted-backend.ts";
import { startTlsPostgres, type TlsPostgres } from "../support/tls-postgres.ts";

const PASSWORD = "the-token-of-this-test";

let authority: Certificate;
let server: TlsPostgres;

before(async () => {
  authority = await makeAuthority({ subject: "CN=test root" });
  server = await startTlsPostgres({
    certificate: await makeLeaf({ subject: `CN=${HOST}`, names: [HOST], issuer: authority }),
    hba: [`host all ${SUPERUSER} 127.0.0.1/32 trust`, "hostssl all all 127.0.0.1/32 password"],
    statements: [
      `create role admin login superuser password '${PASSWORD}'`,
      // As DSQL's own.
      "create database utf encoding 'UTF8' template template0",
    ],
  });
});
after(() => server[Symbol.asyncDispose]());

const query = (sql: string): Buffer => message("Q", Buffer.from(`${sql}\0`));
const sync = message("S");

function parse(sql: string, name = ""): Buffer {
  return message("P", Buffer.from(`${name}\0${sql}\0`), "\0\0");
}

function execute(name = "", portal = ""): Buffer {
  return Buffer.concat([
    message("B", `${portal}\0${name}\0`, "\0\0\0\0\0\0"),
    message("D", `P${portal}\0`),
    message("E", `${portal}\0`, int32(0)),
  ]);
}

/** Parse, Bind, Describe, Execute. */
function extended(sql: string): Buffer {
  return Buffer.concat([parse(sql), execute()]);
}

interface Through {
  readonly dialect?: DsqlDialect | undefined;
  /** Where the bytes of each direction are cut. */
  readonly cuts?: readonly number[];
}

/** What the server sends and gets in a conversation that is sent at once, up to the end of the connection. */
async function converse(
  sent: Buffer,
  { dialect, cuts = [] }: Through = {},
): Promise<[Buffer, Buffer]> {
  const socket = connect({ host: "127.0.0.1", port: server.port, allowHalfOpen: true });
  socket.on("error", () => {});
  const login = startup({ user: SUPERUSER, database: "utf" });
  const received: Buffer[] = [];
  const forwarded: Buffer[] = [];
  let isReady = false;
  const toServer = (parts: readonly Buffer[]): void => {
    for (const part of parts) {
      forwarded.push(part);
      socket.write(part);
    }
  };
  const toFrontend = (chunk: Buffer): void => {
    for (const piece of pieces(chunk, cuts))
      received.push(...(dialect?.fromBackend.pass(piece) ?? [piece]));
  };
  const start = (): void => {
    isReady = true;
    for (const piece of pieces(sent, cuts)) toServer(dialect?.fromFrontend.pass(piece) ?? [piece]);
    toServer(dialect === undefined ? [] : [dialect.fromFrontend.rest()]);
    socket.end();
  };
  let greeting = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    if (isReady) return toFrontend(chunk);
    greeting = Buffer.concat([greeting, chunk]);
    if (greeting.at(-6) === 0x5a) start();
  });
  socket.write(login);
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  if (dialect !== undefined) received.push(dialect.fromBackend.rest());
  return [Buffer.concat(received), Buffer.concat(forwarded)];
}

function* pieces(bytes: Buffer, cuts: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = cuts[index % Math.max(1, cuts.length)] ?? bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

/** Messages as text, for a comparison that a person can read. */
function shown(bytes: Buffer): readonly string[] {
  const all: string[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (end > bytes.length) break;
    all.push(
      bytes.toString("latin1", at, at + 1) + JSON.stringify(bytes.toString("utf8", at + 5, end)),
    );
    at = end;
  }
  return at === bytes.length ? all : [...all, `rest ${bytes.subarray(at).toString("hex")}`];
}

const REFUSED =
  /\b(?:statement_timeout|lock_timeout|work_mem|row_security|isolation|lock t|client_min)/i;

export async function assertSame(sent: Buffer, cuts: readonly number[] = []): Promise<void> {
  const dialect = new DsqlDialect({ ignored: () => {}, expired: () => assert.fail("not old") });
  const [[plain], [filtered, forwarded]] = await Promise.all([
    converse(sent),
    converse(sent, { dialect, cuts }),
  ]);
  assert.deepEqual(shown(filtered), shown(plain));
  // A message that is cut off goes on as it is: the server does not read it either.
  const whole = shown(forwarded).filter((text) => !text.startsWith("rest "));
  assert.deepEqual(
    whole.filter((text) => REFUSED.test(text)),
    [],
  );
}

// Statements that are ignored, each with what it answers where nothing else has happened.
const IGNORED = [
  "SET statement_timeout = 0",
  "set session lock_timeout to '0'",
  "SET LOCAL work_mem = '4MB'",
  "/* é */ SET client_min_messages TO notice -- to the end;\n/**/",
  "SET row_security=off",
  "RESET statement_timeout",
  "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",
  "SELECT set_config('lock_timeout', '0', false)",
  "SELECT pg_catalog.set_config('statement_timeout', '0', false) AS \"ä\", set_config('work_mem', '4MB', true)",
  "SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'deadlock_timeout'",
];
const OTHERS = [
  "",
  "SELECT 1",
  "SELECT 'é', $$SET decoy = 1; LOCK decoy$$ AS \"SET decoy\" /* SET decoy = 1; /* nested */ ; */",
  "INSERT INTO t VALUES (1, E'\\';SET decoy=1')",
  "UPDATE t SET v = 'x' WHERE id = 1",
  "SELECT 'é' FROM missing",
  "SELECT 1/0",
  "SET application_name = 'a;b'",
  "SHOW extra_float_digits",
  "SET nothing.at.",
  "DO $x$ BEGIN SET LOCAL enable_sort = on; END $x$",
  "VALUES (1), (2), (3)",
];

const statement = fc.oneof(fc.constantFrom(...IGNORED), fc.constantFrom(...OTHERS));
const simple = fc
  .array(statement, { minLength: 1, maxLength: 5 })
  .map((all) => query(all.join(";\n")));
const pipeline = fc
  .array(fc.tuple(statement, fc.constantFrom(Buffer.alloc(0), sync, message("H"))), {
    maxLength: 5,
  })
  .map((all) => Buffer.concat([...all.flatMap(([sql, end]) => [extended(sql), end]), sync]));
const rows = fc.constantFrom("1\tone\n2\ttwo\n", "1\tSET decoy = 1;\n", "wrong\n", "");
const copyEnd = fc.constantFrom(message("c"), message("f", "no more\0"));
const copyIn = fc
  .tuple(rows, rows, copyEnd, fc.constantFrom(...IGNORED))
  .map(([one, two, end, next]) =>
    Buffer.concat([
      query(`${next}; COPY t FROM STDIN; SELECT 1 AS é; SELECT nothing`),
      message("d", one),
      message("d", two),
      end,
    ]),
  );
// As libpq does: its Sync goes out before the data.
const copyExtended = fc
  .tuple(rows, copyEnd, fc.boolean())
  .map(([data, end, early]) =>
    Buffer.concat([
      extended("COPY t FROM STDIN"),
      early ? sync : Buffer.alloc(0),
      message("d", data),
      end,
      sync,
    ]),
  );
const copyOut = fc.constantFrom(
  query("SET statement_timeout = 0; COPY t TO STDOUT; SET lock_timeout = 0; SELECT nothing"),
  Buffer.concat([extended("COPY (VALUES (1), (2)) TO STDOUT"), sync]),
);
const locks = fc.constantFrom(
  query("LOCK TABLE t IN ACCESS SHARE MODE"),
  query("SELECT 'ö'; LOCK t; SELECT nothing, 'ö'"),
  Buffer.concat([extended("LOCK TABLE t IN SHARE MODE"), extended("SET work_mem = '4MB'"), sync]),
  Buffer.concat([
    parse("LOCK t NOWAIT", "l"),
    execute("l", "p"),
    extended("SET extra_float_digits = 1"),
    sync,
    execute("l"),
    extended("SELECT 1/0"),
    execute("l"),
    sync,
    message("C", "Sl\0"),
    sync,
  ]),
);
const begin = fc.constantFrom(
  query("BEGIN"),
  query("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE"),
  query("START TRANSACTION NOT DEFERRABLE"),
  query("BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE; SELECT nothing"),
  Buffer.concat([
    extended("BEGIN"),
    extended("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    sync,
  ]),
);
const inside = fc.oneof(simple, pipeline, copyIn, copyExtended, copyOut, locks);
const block = fc
  .tuple(begin, fc.array(inside, { maxLength: 4 }), fc.constantFrom("COMMIT", "ROLLBACK"))
  .map(([first, all, last]) => Buffer.concat([first, ...all, query(last)]));
const conversation = fc
  .array(fc.oneof(simple, pipeline, copyIn, copyExtended, copyOut, block), {
    minLength: 1,
    maxLength: 5,
  })
  .map((all) =>
    Buffer.concat([
      query("CREATE TEMP TABLE t (id int, v text)"),
      ...all,
      query("SELECT count(*), max(v) FROM t"),
    ]),
  );
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });

// Says what is not the same, rather than the bytes that were sent.
function checks<T extends [Buffer, ...unknown[]]>(numRuns: number): fc.Parameters<T> {
  const reporter = ({ failed, counterexample, errorInstance, seed }: fc.RunDetails<T>): void => {
    if (!failed) return;
    const sent = shown(counterexample?.[0] ?? Buffer.alloc(0)).join("\n");
    assert.fail(`seed ${seed}:\n${sent}\n${(errorInstance as Error).message}`);
  };
  return { numRuns: Number(process.env["RUNS"] ?? numRuns), reporter };
}

test("DsqlDialect: a conversation in any pieces is answered as by a server that takes the settings", async () => {
  const property = fc.asyncProperty(conversation, cuts, (sent, sizes) =>
    assertSame(Buffer.concat([sent, message("X")]), sizes),
  );
  await fc.assert(property, checks(40));
});

test("DsqlDialect: a conversation that breaks off anywhere is answered as far", async () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true });
  const property = fc.asyncProperty(conversation, cuts, part, (sent, sizes, cut) =>
    assertSame(sent.subarray(0, Math.floor(sent.length * cut)), sizes),
  );
  await fc.assert(property, checks(25));
});

test("DsqlDialect: what becomes two statements, or one that was prepared, is answered as itself", async () => {
  await assertSame(
    Buffer.concat([
      query(
        "SELECT pg_catalog.set_config('search_path', 'PG_catalog, \"public\"', false); SELECT nothing",
      ),
      query(
        "SELECT 'é'; SELECT set_config('timezone', 'UTC', false) AS zone; SHOW search_path; SELECT é",
      ),
      query(
        "PREPARE other(int, character varying) AS SELECT $1 + 1 AS n, $2 || 'é' AS v WHERE $1 > 0; SELECT nothing",
      ),
      query("PREPARE q(int, text) AS /* two */ SELECT $1 + 1 AS n, $2 || 'é' AS v WHERE $1 > 0"),
      query("EXECUTE q(1, 'x'); EXECUTE q(-1, NULL); SELECT nothing"),
      query("DEALLOCATE q; SELECT 'é', nothing"),
      query("DEALLOCATE q"),
      query("EXECUTE q(1, 'x')"),
      message("X"),
    ]),
    [7, 300],
  );
});

test("DsqlDialect: large messages pass, before and behind what is ignored", async () => {
  const large = "é".repeat(700_000);
  await assertSame(
    Buffer.concat([
      query(`SET work_mem = '4MB'; SELECT '${large}'; SELECT nothing`),
      Buffer.concat([extended("SET work_mem = '4MB'"), extended(`SELECT '${large}'`), sync]),
      query(`SELECT repeat('é', 1000000); SET statement_timeout = 0; SELECT nothing`),
      message("X"),
    ]),
    [65_536, 3, 16_384],
  );
});

test("DsqlDialect: what breaks the framing goes to the server as it is", async () => {
  for (const junk of [
    "Q\0\0\0\x03SET this = 1",
    "\0\0\0\0\0\0",
    "zzzzzzzzzz",
    "P\0\0\0\x09abcdef",
  ]) {
    const dialect = new DsqlDialect({ ignored: () => {}, expired: () => assert.fail("not old") });
    const sent = Buffer.concat([query("SET work_mem = '4MB'"), Buffer.from(junk, "latin1")]);
    // The server resets the connection, which may take its earlier answers along.
    const [, forwarded] = await converse(sent, { dialect, cuts: [4] });
    assert.ok(forwarded.toString("latin1").endsWith(junk), JSON.stringify(junk));
    assert.doesNotMatch(forwarded.toString("latin1"), /work_mem/);
  }
});

function dialectAt(age: { minutes: number }): { dialect: DsqlDialect; reports: string[] } {
  const reports: string[] = [];
  const report = {
    ignored: (statement: string) => void reports.push(statement),
    expired: () => void reports.push("expired"),
  };
  return { dialect: new DsqlDialect(report, () => age.minutes * 60_000), reports };
}

function fieldsOf(bytes: Buffer): Record<string, string> {
  return errorFields({ type: bytes.toString("latin1", 0, 1), body: bytes.subarray(5) });
}

test("DsqlDialect: errors that mean to try again say so", () => {
  const { dialect } = dialectAt({ minutes: 0 });
  const fields = (error: string): Record<string, string> =>
    fieldsOf(Buffer.concat(dialect.fromBackend.pass(message("E", `SERROR\0VERROR\0${error}\0\0`))));
  const conflict = "change conflicts with another transaction (OC000)";
  const text = fields(`C40001\0M${conflict}`);
  assert.equal(text["M"], conflict);
  assert.match(text["H"] ?? "", /^Run the whole transaction again:/);
  assert.match(fields("C40001\0Mschema has been updated (OC001)")["H"] ?? "", /again/);
  assert.equal(fields(`C40001\0M${conflict}\0Htheirs`)["H"], "theirs");
  assert.equal(fields("C40001\0Mcould not serialize access")["H"], undefined);
  assert.match(fields("C53400\0Mrate exceeded")["H"] ?? "", /later/);
  assert.match(fields("C54000\0Mtransaction row limit exceeded")["H"] ?? "", /3,000 rows/);
});

test("DsqlDialect: an end after 60 minutes has its reason, and no other end", () => {
  const ends = (minutes: number, ...before: readonly Buffer[]): [string | undefined, string[]] => {
    const age = { minutes: 0 };
    const { dialect, reports } = dialectAt(age);
    age.minutes = minutes;
    for (const chunk of before) dialect.fromBackend.pass(chunk);
    const last = dialect.fromBackend.rest();
    assert.equal(dialect.fromBackend.rest().length, 0);
    return [last.length === 0 ? undefined : fieldsOf(last)["M"], reports];
  };
  const reason = "Aurora DSQL ended the connection, as it does after 60 minutes";
  assert.deepEqual(ends(60), [reason, ["expired"]]);
  assert.deepEqual(ends(60, message("Z", "I")), [reason, ["expired"]]);
  assert.deepEqual(ends(58), [undefined, []]);
  // Its own word for it stands, in the middle of a message nothing can be said.
  assert.deepEqual(ends(60, message("E", "SFATAL\0C57P01\0Mtime is up\0\0")), [
    undefined,
    ["expired"],
  ]);
  const { dialect } = dialectAt({ minutes: 0 });
  dialect.fromFrontend.pass(message("X"));
  assert.equal(dialect.fromBackend.rest().length, 0);
});

test("DsqlDialect: a Sync in the middle of a COPY is none", () => {
  const { dialect } = dialectAt({ minutes: 0 });
  const send = (...parts: readonly Buffer[]): void =>
    void dialect.fromFrontend.pass(Buffer.concat(parts));
  const answer = (...parts: readonly Buffer[]): string =>
    Buffer.concat(dialect.fromBackend.pass(Buffer.concat(parts))).toString("latin1");
  send(extended("COPY t FROM STDIN"), message("H"));
  answer(message("G", "\0\0\0"), message("N", "SNOTICE\0C00000\0Mso far\0\0"));
  send(sync, message("d", "1\n"), sync, message("c"), sync, query("LOCK t"));
  answer(message("C", "COPY 1\0"), message("Z", "T"));
  assert.match(answer(message("C", "SET\0"), message("Z", "T")), /LOCK TABLE/);
});

test("DsqlDialect: what follows a COPY before the next Sync is answered as itself", () => {
  const { dialect } = dialectAt({ minutes: 0 });
  const send = (...parts: readonly Buffer[]): void =>
    void dialect.fromFrontend.pass(Buffer.concat(parts));
  const answer = (...parts: readonly Buffer[]): string =>
    Buffer.concat(dialect.fromBackend.pass(Buffer.concat(parts))).toString("latin1");
  send(extended("COPY t FROM STDIN"), sync);
  send(message("d", "1\n"), message("c"), extended("LOCK t"), sync, query("SET work_mem = 1"));
  answer(message("G", "\0\0\0"));
  assert.match(answer(message("C", "COPY 1\0"), message("C", "SET\0")), /LOCK TABLE/);
  assert.match(answer(message("Z", "I"), message("C", "SET\0"), message("Z", "I")), /SET/);
});

test("DsqlDialect: the Sync after a COPY that failed ends its batch", () => {
  const { dialect } = dialectAt({ minutes: 0 });
  const send = (...parts: readonly Buffer[]): void =>
    void dialect.fromFrontend.pass(Buffer.concat(parts));
  const answer = (...parts: readonly Buffer[]): string =>
    Buffer.concat(dialect.fromBackend.pass(Buffer.concat(parts))).toString("latin1");
  send(extended("COPY t FROM STDIN"), message("H"));
  answer(message("G", "\0\0\0"), message("E", "SERROR\0C22P02\0Mbad\0\0"));
  send(message("d", "1\n"), sync, query("LOCK t"));
  answer(message("Z", "I"));
  assert.match(answer(message("C", "SET\0"), message("Z", "I")), /LOCK TABLE/);
});

test("DsqlDialect: each ignored statement is reported once", () => {
  const { dialect, reports } = dialectAt({ minutes: 0 });
  for (const sql of ["SET work_mem = 1; LOCK t", "set Work_Mem to 2", "SET TIME ZONE 'UTC'"])
    dialect.fromFrontend.pass(query(sql));
  assert.deepEqual(reports, ["SET work_mem", "LOCK TABLE"]);
});

/** A proxy for sessions in the dialect, in front of the server; its events that name what was ignored. */
async function openProxy(): Promise<Proxy & { readonly ignored: string[] }> {
  const ignored: string[] = [];
  const backend: Backend = {
    host: HOST,
    port: server.port,
    verification: () => ({
      secureContext: backendSecureContext([authority.cert]),
      trust: "the test root",
    }),
    addresses: () => Promise.resolve([{ address: "127.0.0.1", family: 4 as const }]),
    connectTimeout: 5_000,
    loginTimeout: 5_000,
    dialect: "dsql",
  };
  const onEvent = (event: ProxyEvent): void => {
    if (event.kind === "ignored") ignored.push(event.statement);
  };
  const get = () => Promise.resolve({ password: PASSWORD, reused: false });
  const proxy = await startProxy({ login: { kind: "auth token", get }, backend, onEvent });
  return { ...proxy, ignored };
}

async function through(
  { port, secret }: Proxy,
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const own = {
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGUSER: "admin",
    PGDATABASE: "postgres",
  };
  return run(words, { env: cleanEnvironment({ ...own, PGPASSWORD: secret, ...more }) });
}

test("proxy: a query that comes before the login is over is in the dialect too", async () => {
  await using proxy = await openProxy();
  const frontend = new RawFrontend(proxy.port);
  frontend.send(startup({ user: "admin", database: "utf", lock_timeout: "5" }));
  await frontend.prove(proxy.secret);
  frontend.send(query("BEGIN; LOCK pg_class; SHOW lock_timeout"));
  const greeting = await frontend.messages("Z");
  const answer = await frontend.messages("Z");
  frontend.socket.destroy();
  assert.ok(greeting.some(({ type }) => type === "K"));
  const texts = answer.map(
    ({ type, body }) => `${type} ${body.toString("latin1").replaceAll("\0", "")}`,
  );
  assert.deepEqual(
    texts.filter((text) => /^[CDZ]/.test(text)),
    ["C BEGIN", "C LOCK TABLE", "D \x01\x010", "C SHOW", "Z T"],
  );
  assert.deepEqual(proxy.ignored, ["SET lock_timeout", "LOCK TABLE"]);
});

// What DSQL has no word for, as it would stand in the server's log.
const REFUSED_IN_LOG =
  /statement: .*(?:\b(?:synchronize_seqscans|\w+_timeout|row_security|TRANSACTION ISO|LOCK|client_min_messages|bytea_output|PREPARE|EXECUTE)\b|set_config\()/i;

test(
  "proxy: pg_dump and psql in the dialect do what they do without, and the server gets nothing that DSQL refuses",
  {
    skip: without("pg_dump", "psql"),
  },
  async () => {
    for (const statement of [
      "CREATE TABLE dumped (id int PRIMARY KEY, v text DEFAULT 'é')",
      "INSERT INTO dumped SELECT i, 'SET decoy = ' || i FROM generate_series(1, 100) i",
      "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT $1'",
      "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
      "CREATE VIEW seen AS SELECT id FROM dumped",
      "GRANT SELECT (id) ON dumped TO admin",
    ])
      await server.query(statement);
    const direct = { PGPORT: String(server.port), PGUSER: SUPERUSER };
    await using proxy = await openProxy();
    const dump = ["pg_dump", "--no-comments"];
    const without = await through(proxy, dump, direct);
    await server.query("ALTER SYSTEM SET log_statement = 'all'");
    await server.query("SELECT pg_reload_conf()");
    const before = (await server.log()).length;
    const dumped = await through(proxy, dump);
    // \restrict has a word of its own in each dump.
    const text = (run: Finished): string => run.stdout.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
    assert.equal(dumped.stderr, "");
    assert.equal(text(dumped), text(without));
    const psql = await through(
      proxy,
      [
        "psql",
        "-XAt",
        "-v",
        "ON_ERROR_STOP=1",
        "-c",
        "BEGIN; SET TRANSACTION READ ONLY; LOCK TABLE dumped; SHOW statement_timeout",
      ],
      {
        PGOPTIONS: "-c statement_timeout=5s -c extra_float_digits=0 -c work_mem=1MB",
        PGAPPNAME: "a psql",
      },
    );
    assert.equal(psql.stdout, "BEGIN\nSET\nLOCK TABLE\n0\n");
    const seen = (await server.log()).slice(before).split("\n");
    assert.ok(seen.some((line) => line.includes("enable_tidscan")));
    assert.deepEqual(
      seen.filter((line) => REFUSED_IN_LOG.test(line) && !line.includes("SHOW")),
      [],
    );
    for (const statement of [
      "SET statement_timeout",
      "SET work_mem",
      "LOCK TABLE",
      "SET TRANSACTION",
    ])
      assert.ok(proxy.ignored.includes(statement), statement);
  },
);
