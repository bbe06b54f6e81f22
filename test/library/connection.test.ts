// connectionOptions(): what a driver is given, and that a pool of node-postgres logs in with it as the command line would.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import { makeAuthority } from "../../src/demo/certificates.ts";
import { LEDGER_ID, LEGACY_SECRET, ROLE_ARN } from "../../src/demo/stand-in.ts";
import {
  authTokens,
  connectionOptions,
  type ConnectionRequest,
  RdsIamError,
  signingSource,
} from "../../src/library.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage({ dsql: { clusterId: LEDGER_ID } }));

function options(target: string, more: ConnectionRequest = {}) {
  return connectionOptions(target, { ...more, env: standIn.env });
}

async function query(config: pg.PoolConfig, text = "select current_user::text as it") {
  const pool = new pg.Pool(config);
  try {
    const { rows } = await pool.query<{ readonly it: string }>(text);
    return rows[0]?.it;
  } finally {
    await pool.end();
  }
}

test("connectionOptions() has all that a pool needs: the name RDS uses, its roots, a function for tokens", async () => {
  const { ssl, password, ...rest } = await options("prod");
  const { host, port, user, database } = rest;
  assert.deepEqual(
    { host, port, user, database },
    { host: standIn.canonicalHost, port: standIn.gateway.port, user: "app_ro", database: "orders" },
  );
  assert.deepEqual(
    [ssl.ca.map((pem) => pem.trim()), ssl.servername, ssl.minVersion, ssl.rejectUnauthorized],
    [[standIn.authority.cert.trim()], standIn.canonicalHost, "TLSv1.2", true],
  );
  assert.match(await password(), /X-Amz-Signature=/);
  // A limit of the command line's own would be one for waiting in the pool's queue, too.
  assert.equal("connectionTimeoutMillis" in rest, false);
});

test("connectionOptions() takes username and dbname, and not the user and database of the environment's target", async () => {
  const env = { ...standIn.env, AWS_PROFILE: "prod", RDSIAM_DNS_SERVERS: standIn.dns.address };
  const host = standIn.alias;
  const other = { host, username: "other", dbname: "elsewhere", env };
  const { user, database } = await connectionOptions(other);
  assert.deepEqual({ user, database }, { user: "other", database: "elsewhere" });
  await connectionOptions({ ...other, user: "other" });
  await assert.rejects(connectionOptions({ ...other, user: "app_ro" }), {
    code: "ERR_USAGE",
    message: "user and username are both given, but differ",
  });
});

test("connectionOptions() + secret: user, database, host and port are in it, or RDS says which it is", async () => {
  await standIn.addProfile("plain", { region: standIn.region }, standIn.key);
  const env = { ...standIn.env, AWS_PROFILE: "plain", RDSIAM_DNS_SERVERS: standIn.dns.address };
  const { caFile: sslrootcert, canonicalHost, gateway } = standIn;
  const named = await connectionOptions({
    secret: LEGACY_SECRET.name,
    sslrootcert,
    env,
  });
  const { host, port, user, database } = named;
  assert.deepEqual([host, port, user, database], [canonicalHost, gateway.port, "legacy", "orders"]);
  assert.equal(await query(named), "legacy");
  const ofMaster = {
    host: standIn.alias,
    port,
    secret: "auto",
    database: "orders",
    sslrootcert,
    env,
  };
  assert.equal(await query(await connectionOptions(ofMaster)), "postgres");
  const password = authTokens({ secret: "auto", host: standIn.alias, env });
  assert.equal(await password(), await password());
});

test("connectionOptions() + readOnly where a StartupMessage cannot ask for it (A28)", async () => {
  const env = { ...standIn.env, AWS_PROFILE: "prod" };
  const open = (host: string, readOnly: boolean) =>
    connectionOptions({ host, user: "app_ro", readOnly, env });
  const domain = "proxy-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com";
  for (const host of [`pool.${domain}`, `reader.endpoint.${domain}`]) {
    await assert.rejects(open(host, true), {
      code: "ERR_USAGE",
      message: `${host} cannot be opened read-only by a driver: it is an RDS Proxy`,
      hint: /^Run: rdsiam proxy --read-only \S.* leave readOnly and rds_read_only out, and run SET/,
    });
    assert.equal("options" in (await open(host, false)), false);
  }
  await assert.rejects(open("abcdefghijklmnopqrstuvwxyz.dsql.eu-west-1.on.aws", true), {
    message: /cannot be opened read-only: it is Aurora DSQL/,
  });
});

test("connectionOptions() + Aurora DSQL: an interface endpoint is told the cluster, with both drivers", async () => {
  const { dsql, key, privateLink } = standIn;
  const settings = { ...standIn.targetSettings, rds_dbname: "postgres", rds_port: dsql.port };
  const vpce = { rds_host: privateLink.interfaceHost, rds_sign_host: LEDGER_ID };
  await standIn.addProfile("vpce", { ...settings, ...vpce }, key);
  assert.equal((await options("vpce")).options, `-c amzn-cluster-id=${LEDGER_ID}`);
  assert.equal(await query(await options("vpce")), "admin");
  const sql = postgres({ ...(await options("vpce")), max: 1 });
  const rows = await sql`select current_user as it`;
  assert.equal(rows[0]?.["it"], "admin");
  await sql.end();
});

test("connectionOptions(), authTokens() and signingSource() refuse an option that does not exist", async () => {
  const wrong = { host: standIn.alias, usr: "other", env: standIn.env };
  const refused = { code: "ERR_USAGE", message: "unknown option usr", hint: "Did you mean user?" };
  await assert.rejects(connectionOptions(wrong), refused);
  await assert.rejects(authTokens(wrong)(), refused);
  const request = { host: "h", port: 1, user: "u", region: "eu-west-1" };
  await assert.rejects(async () => signingSource(wrong)(request), refused);
  const pool = { ...wrong, usr: undefined, max: 5 };
  await assert.rejects(connectionOptions(pool), {
    code: "ERR_USAGE",
    message: "unknown option max",
  });
});

test("connectionOptions() without a certificate of one's own trusts RDS's built-in roots", async () => {
  await standIn.addProfile("built-in", {
    ...standIn.targetSettings,
    rds_user: "app_ro",
    rds_sslrootcert: "",
  });
  const env = { ...standIn.env, RDSIAM_DNS_SERVERS: standIn.dns.address };
  const { ssl } = await connectionOptions({ host: standIn.alias, user: "u", env });
  assert.ok(ssl.ca.length > 0 && !ssl.ca.includes(standIn.authority.cert));
});

test("each new connection of a pool logs in with a token, and tokens are given again", async () => {
  const { logins } = standIn.gateway;
  const first = logins.length;
  const pool = new pg.Pool({ ...(await options("prod")), max: 3 });
  const clients = await Promise.all([pool.connect(), pool.connect(), pool.connect()]);
  for (const client of clients) client.release(true);
  assert.equal((await pool.query("select 1 as it")).rowCount, 1);
  await pool.end();
  const mine = logins.slice(first);
  assert.equal(mine.length, 4);
  assert.equal(new Set(mine.map(({ tokenDigest }) => tokenDigest)).size, 1);
  assert.ok(mine.every(({ signedHost }) => signedHost === standIn.canonicalHost));
});

test("a target's role, and credentials of the program's own", async () => {
  assert.equal(await query(await options("stage")), "app_ro");
  let asked = 0;
  const { accessKeyId, secretAccessKey } = standIn.key;
  const credentials = () => {
    asked += 1;
    return { accessKeyId, secretAccessKey, expiration: new Date(Date.now() + 3_600_000) };
  };
  const own = await options("prod", { credentials, profile: "no-such-profile" });
  await Promise.all([own.password(), own.password()]);
  assert.equal(await query(own), "app_ro");
  assert.equal(asked, 1);
  const assumed = standIn.sts.calls.length;
  assert.equal(
    await query(await options("prod", { credentials, roleArn: ROLE_ARN, cache: false })),
    "app_ro",
  );
  assert.ok(standIn.sts.calls.length > assumed);
});

test("what the target says of its sessions holds: read only, its application name, a limit", async () => {
  await standIn.addProfile(
    "careful",
    {
      ...standIn.targetSettings,
      rds_user: "app_ro",
      rds_read_only: "yes",
      rds_application_name: "a report",
      rds_connect_timeout: 7,
    },
    standIn.key,
  );
  const careful = await options("careful");
  const text =
    "select concat_ws('|', current_setting('default_transaction_read_only'), current_setting('application_name')) as it";
  assert.equal(await query(careful, text), "on|a report");
  assert.deepEqual([careful.connectionTimeoutMillis, careful.connect_timeout], [7_000, 7]);
});

test("an open tunnel is dialled, and the certificate is still the database's", async () => {
  const { port } = standIn.gateway;
  const tunnelled = await options("prod", { via: `127.0.0.1:${port}` });
  assert.deepEqual([tunnelled.host, tunnelled.port], ["127.0.0.1", port]);
  assert.equal(tunnelled.ssl.servername, standIn.canonicalHost);
  assert.equal(await query(tunnelled), "app_ro");
});

test("a way that has to be held open is refused, with the way to have it", async () => {
  const refused = options("prod", { via: "ssh://bastion" });
  await assert.rejects(refused, { code: "ERR_VIA", hint: /rdsiam proxy prod/ });
});

test("a server with another certificate gets no token", async () => {
  const other = await makeAuthority({
    subject: "CN=Amazon RDS eu-west-1 Root CA ECC256 G1, O=other",
  });
  const sslrootcert = join(standIn.directory, "other.pem");
  await writeFile(sslrootcert, other.cert);
  const before = standIn.gateway.tokens.length;
  await assert.rejects(query(await options("prod", { sslrootcert })), /certificate/);
  // The right roots, and a name that is not in the certificate.
  const host = `other.cluster-c1a2b3c4d5e6.eu-west-1.rds.amazonaws.com:${standIn.gateway.port}`;
  await assert.rejects(query(await options("prod", { signHost: host })), /altnames/);
  assert.equal(standIn.gateway.tokens.length, before);
});

test("a token that cannot be made is the error of the query, and the pool goes on", async () => {
  let isBroken = true;
  const { accessKeyId, secretAccessKey } = standIn.key;
  const credentials = () => {
    if (isBroken) throw new RdsIamError("not now", { code: "ERR_CREDENTIALS" });
    return { accessKeyId, secretAccessKey };
  };
  const pool = new pg.Pool(await options("prod", { credentials }));
  await assert.rejects(
    pool.query("select 1"),
    (error) => error instanceof RdsIamError && error.code === "ERR_CREDENTIALS",
  );
  isBroken = false;
  assert.equal((await pool.query("select 1 as it")).rowCount, 1);
  await pool.end();
});

test("socket() hands a failure to the driver with its first word, and never throws it", async () => {
  const credentials = () => {
    throw new RdsIamError("not now", { code: "ERR_CREDENTIALS" });
  };
  const said = async (socket: Duplex) => {
    socket.write("SSLRequest");
    const [error] = await once(socket, "error");
    return error.code;
  };
  const { socket } = await options("prod", { credentials });
  assert.equal(await said(await socket({ connection: {} })), "ERR_CREDENTIALS");
  const { socket: any } = await options("prod");
  assert.equal(await said(await any()), "ERR_USAGE");
});

test("a machine that nobody can reach is named by the driver, and no token is made for it", async () => {
  // A port that was free a moment ago may be another test's by now; tcpmux's is no one's.
  await assert.rejects(query(await options("prod", { via: "127.0.0.1:1" })), /ECONNREFUSED/);
});
