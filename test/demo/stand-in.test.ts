// The whole stand-in: logins through the gateway by node-postgres and by psql, its refusals, and
// what is left when it ends, is ended, or is killed.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";

import { Signer } from "@aws-sdk/rds-signer";
import pg from "pg";

import { isAlive } from "../../src/demo/guard.ts";
import type { AccessKey } from "../../src/demo/keys.ts";
import { type StandIn, startStandIn } from "../../src/demo/stand-in.ts";
import { keep } from "../support/keep.ts";
import { closed } from "../support/listen.ts";
import { until } from "../support/traces.ts";

const execute = promisify(execFile);
// Nothing of this shell's environment but where programs are.
const ENV = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
const ROOT = join(import.meta.dirname, "..", "..");
const SSL_REQUEST = Buffer.from("0000000804d2162f", "hex");

const standIn = await keep(startStandIn({ env: ENV, from: [ROOT] }));

async function makeToken(user: string, key: AccessKey = standIn.key): Promise<string> {
  const { accessKeyId, secretAccessKey } = key;
  return await new Signer({
    hostname: standIn.canonicalHost,
    port: standIn.gateway.port,
    region: standIn.region,
    username: user,
    credentials: { accessKeyId, secretAccessKey },
  }).getAuthToken();
}

function makeClient(user: string, password: string, on: StandIn = standIn): pg.Client {
  const client = new pg.Client({
    host: "127.0.0.1",
    port: on.gateway.port,
    user,
    password,
    database: "orders",
    ssl: { ca: on.authority.cert, servername: on.canonicalHost },
  });
  client.on("error", () => undefined);
  return client;
}

async function psql(user: string, password: string, ...words: string[]): Promise<string> {
  const conninfo = `host=${standIn.canonicalHost} hostaddr=127.0.0.1 port=${standIn.gateway.port} dbname=orders sslmode=verify-full`;
  const { stdout } = await execute("psql", ["-XAt", "-U", user, ...words, conninfo], {
    env: { ...ENV, PGPASSWORD: password, PGSSLROOTCERT: standIn.caFile },
  });
  return stdout;
}

function startup(...pairs: string[]): Buffer {
  const body = Buffer.from(`${pairs.join("\0")}\0\0`);
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + body.length, 0);
  head.writeUInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}

test("Gateway lets each IAM user in with a token", async () => {
  for (const user of ["app_ro", "jane.doe+x@corp", "app_admin"]) {
    const client = makeClient(user, await makeToken(user));
    await client.connect();
    const { rows } = await client.query("select current_user, count(*)::int from orders");
    assert.deepEqual(rows, [{ current_user: user, count: 200 }]);
    await client.end();
  }
  const login = standIn.gateway.logins.at(-1);
  assert.equal(login?.signedHost, standIn.canonicalHost);
  assert.match(login?.tokenDigest ?? "", /^[0-9a-f]{64}$/);
});

test("Gateway refuses a token of another user or key, with RDS's text alone", async () => {
  const stranger = { ...standIn.key, secretAccessKey: "x".repeat(40) };
  const cases: [string, string, RegExp][] = [
    ["app_ro", await makeToken("app_admin"), /signed for user app_admin/],
    ["app_ro", await makeToken("app_ro", stranger), /^wrong signature/],
    ["app_ro", "hunter2", /not an auth token/],
  ];
  for (const [user, token, reason] of cases) {
    await assert.rejects(makeClient(user, token).connect(), {
      code: "28000",
      severity: "FATAL",
      message: `PAM authentication failed for user "${user}"`,
    });
    assert.match(standIn.gateway.refusals.at(-1)?.reason ?? "", reason);
  }
});

test("Gateway leaves a user that is not in rds_iam to PostgreSQL's own SCRAM", async () => {
  const client = makeClient("legacy", standIn.legacyPassword);
  await client.connect();
  await client.end();
  await assert.rejects(makeClient("legacy", "wrong").connect(), { code: "28P01" });
  await assert.rejects(makeClient("nobody_here", "wrong").connect(), { code: "28P01" });
  await assert.rejects(makeClient("rdsadmin", "x").connect(), {
    message: /^pg_hba\.conf rejects connection for host "127\.0\.0\.1", user "rdsadmin"/,
  });
});

test("Gateway refuses plaintext, GSS encryption and bytes behind SSLRequest", async () => {
  const talk = async (...chunks: Buffer[]): Promise<string> => {
    const socket = connect(standIn.gateway.port, "127.0.0.1");
    for (const chunk of chunks) socket.write(chunk);
    let answer = "";
    for await (const chunk of socket) answer += String(chunk);
    return answer;
  };
  const hello = startup("user", "app_ro", "database", "orders");
  const text = `no pg_hba.conf entry for host "127.0.0.1", user "app_ro", database "orders", no encryption`;
  assert.ok((await talk(hello)).includes(`C28000\0M${text}\0`));
  const gss = Buffer.from("0000000804d21630", "hex");
  assert.match(await talk(gss, hello), /^NE/);
  assert.match(await talk(Buffer.concat([SSL_REQUEST, hello])), /^E.*C08P01/s);
  assert.equal(await talk(Buffer.from("GET / HTTP/1.1\r\n\r\n")), "");
  assert.equal(await talk(Buffer.from("0000000400000000", "hex")), "");
});

test("Gateway takes direct TLS with ALPN postgresql, and negotiates as PostgreSQL", async () => {
  const socket = connectTls({
    host: "127.0.0.1",
    port: standIn.gateway.port,
    ca: standIn.authority.cert,
    servername: standIn.canonicalHost,
    ALPNProtocols: ["postgresql"],
  });
  await once(socket, "secureConnect");
  assert.equal(socket.alpnProtocol, "postgresql");
  const hello = startup("user", "app_ro", "database", "orders", "_pq_.made_up", "1");
  socket.write(hello);
  let answer = Buffer.alloc(0);
  while (!answer.includes("R")) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    answer = Buffer.concat([answer, chunk]);
  }
  socket.destroy();
  assert.equal(answer[0], "v".charCodeAt(0));
  assert.ok(answer.includes("_pq_.made_up\0R"));
  assert.deepEqual([...answer.subarray(-9)], [0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
});

test("Gateway forwards a cancel, in plain and over TLS", async () => {
  for (const encrypted of [false, true]) {
    const client = makeClient("app_ro", await makeToken("app_ro"));
    await client.connect();
    const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
    const keyed = client as unknown as { processID: number; secretKey: number };
    assert.equal(keyed.processID, rows[0]?.pid);
    const sleeping = client.query("select pg_sleep(60)");
    const rejected = assert.rejects(sleeping, { code: "57014" });
    await until(async () => {
      const busy = await standIn.postgres.query(
        "select 1 from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'",
        [keyed.processID],
      );
      return busy.rows.length > 0;
    }, "pg_sleep");
    const cancel = Buffer.alloc(16);
    cancel.writeUInt32BE(16, 0);
    cancel.writeUInt32BE(80_877_102, 4);
    cancel.writeInt32BE(keyed.processID, 8);
    cancel.writeInt32BE(keyed.secretKey, 12);
    await sendCancel(cancel, encrypted);
    await rejected;
    await client.end();
  }
  assert.equal(standIn.gateway.cancels, 2);
});

async function sendCancel(cancel: Buffer, encrypted: boolean): Promise<void> {
  const socket = connect(standIn.gateway.port, "127.0.0.1");
  if (!encrypted) {
    socket.write(cancel);
    await closed(socket);
    return;
  }
  socket.write(SSL_REQUEST);
  await once(socket, "data");
  const secured = connectTls({
    socket,
    ca: standIn.authority.cert,
    servername: standIn.canonicalHost,
  });
  await once(secured, "secureConnect");
  secured.write(cancel);
  await closed(secured);
}

test("Gateway copies large results whole and tells of a terminated session", async () => {
  const client = makeClient("app_ro", await makeToken("app_ro"));
  await client.connect();
  const { rows } = await client.query<{ length: number; big: string }>(
    "select repeat('x', 1000) || n as big from generate_series(1, 30000) n",
  );
  assert.equal(rows.length, 30_000);
  const ended = once(client, "error");
  const { processID } = client as unknown as { processID: number };
  await standIn.postgres.query("select pg_terminate_backend($1)", [processID]);
  const [error] = (await ended) as [{ code: string }];
  assert.equal(error.code, "57P01");
});

test("Gateway lets psql in with verify-full, the token as its password", async (t) => {
  const found = await execute("psql", ["--version"], { env: ENV }).catch(() => undefined);
  if (found === undefined) {
    t.skip("no psql on this machine");
    return;
  }
  const user = "jane.doe+x@corp";
  const asked = await psql(user, await makeToken(user), "-c", "select current_user");
  assert.equal(asked, `${user}\n`);
  await assert.rejects(psql(user, "x", "-c", "select 1"), {
    stderr: /FATAL: {2}PAM authentication failed for user "jane\.doe\+x@corp"/,
  });
});

test("Gateway can do without BackendKeyData, as RDS Proxy", async () => {
  const proxy = await startStandIn({ env: ENV, from: [ROOT], omitBackendKeyData: true });
  try {
    const client = makeClient("legacy", proxy.legacyPassword, proxy);
    await client.connect();
    assert.equal((client as unknown as { processID: unknown }).processID, null);
    const { rows } = await client.query("select count(*)::int from orders");
    assert.deepEqual(rows, [{ count: 200 }]);
    await client.end();
  } finally {
    await proxy[Symbol.asyncDispose]();
  }
});

test("startStandIn() runs the npm package's server too", async () => {
  const other = await startStandIn({ env: ENV, from: [ROOT], preferEmbedded: true });
  assert.equal(other.postgres.binaries.embedded, true);
  assert.equal(await other.postgres.isIamUser("app_ro"), true);
  await other[Symbol.asyncDispose]();
});

test("startStandIn() makes private files and writes no secret where others read", async () => {
  const file = (path: string): Promise<number> => stat(path).then(({ mode }) => mode % 0o1000);
  assert.equal(await file(standIn.directory), 0o700);
  assert.equal(await file(standIn.postgres.directory), 0o700);
  assert.equal(await file(standIn.env["AWS_SHARED_CREDENTIALS_FILE"] ?? ""), 0o600);
  const config = await readFile(standIn.env["AWS_CONFIG_FILE"] ?? "", "utf8");
  assert.equal(config.includes(standIn.key.secretAccessKey), false);
  assert.match(config, /^\[profile prod\.eu-west\.1\]$/m);
  const uid = (await stat(`/proc/${standIn.postgres.pid}`).catch(() => undefined))?.uid;
  assert.notEqual(uid, 0);
});

test("startStandIn() names the remedy when there is no server", async () => {
  const wanted = { code: "ERR_CONFIG", message: /no PostgreSQL server found/ };
  const options = { env: ENV, from: ["/nonexistent"], binDirectory: "/nonexistent" };
  await assert.rejects(startStandIn(options), wanted);
});

test("StandIn leaves nothing when it is closed, twice even", async () => {
  const other = await startStandIn({ env: ENV, from: [ROOT] });
  const client = makeClient("legacy", other.legacyPassword, other);
  await client.connect();
  await other[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
  for (const directory of [other.directory, other.postgres.directory]) {
    assert.equal(existsSync(directory), false);
  }
  assert.equal(isAlive(other.postgres.pid), false);
  const socket = connect(other.gateway.port, "127.0.0.1");
  await assert.rejects(once(socket, "connect"), { code: "ECONNREFUSED" });
});
