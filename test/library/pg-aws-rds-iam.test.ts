// What the README of the Ruby gem pg-aws_rds_iam promises, as a program that has moved from it: the same connection strings,
// with the gem's own parameter or ours, the same registry of generators, a token for each connection.
// https://github.com/haines/pg-aws_rds_iam#3-configure-your-application-to-generate-authentication-tokens
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import pg from "pg";
import {
  connectionOptions,
  parseConnectionString,
  parseUrl,
  signingSource,
  type TokenRequest,
  tokenSources,
} from "../../src/library.ts";
import { startStage } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());
// A service's environment: keys, and what leads to this stand-in.
const { accessKeyId, secretAccessKey } = standIn.key;
const env = {
  ...standIn.env,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  RDSIAM_DNS_SERVERS: standIn.dns.address,
  RDSIAM_SSLROOTCERT: standIn.caFile,
};
afterEach(() => tokenSources.reset());

async function currentUser(config: pg.ClientConfig): Promise<unknown> {
  const client = new pg.Client(config);
  await client.connect();
  try {
    const { rows } = await client.query<{ readonly it: string }>(
      "select current_user || '@' || current_database() as it",
    );
    return rows[0]?.it;
  } finally {
    await client.end();
  }
}

const place = () => `${standIn.alias}:${standIn.gateway.port}`;

for (const name of ["rdsiam", "aws_rds_iam_auth_token_generator"]) {
  test(`the default generator by the query of a URI: ${name}=default`, async () => {
    const uri = `postgresql://app_ro@${place()}/orders?${name}=default`;
    assert.equal(await currentUser(await parseUrl(uri, { env })), "app_ro@orders");
  });

  test(`the default generator in a connection string: ${name}=default`, async () => {
    const { alias, gateway } = standIn;
    const text = `user=app_ro host=${alias} port=${gateway.port} dbname=orders ${name}=default`;
    assert.equal(await currentUser(await parseConnectionString(text, { env })), "app_ro@orders");
  });
}

test("the default generator in a hash", async () => {
  const { alias: host, gateway } = standIn;
  const hash = { user: "app_ro", host, port: gateway.port, database: "orders", rdsiam: "default" };
  assert.equal(await currentUser(await connectionOptions({ ...hash, env })), "app_ro@orders");
});

test("credentials of a profile, and a service's role, in the standard ways", async () => {
  const uri = `postgresql://app_ro@${place()}/orders?rdsiam=default`;
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...rest } = env;
  const profile = { ...rest, AWS_PROFILE: "admin" };
  assert.equal(await currentUser(await parseUrl(uri, { env: profile })), "app_ro@orders");
});

test("a string without the parameter is left to the driver", async () => {
  const uri = "postgresql://andrew:secret@127.0.0.1:1/blog";
  const plain = await parseUrl(uri, { env });
  assert.equal("connectionString" in plain && plain.connectionString, uri);
  await assert.rejects(currentUser(plain), /ECONNREFUSED/);
});

test("a generator of one's own with credentials and a Region: registered by name, built once, with the first token", async () => {
  const { accessKeyId, secretAccessKey } = standIn.key;
  let built = 0;
  tokenSources.add("custom", () => {
    built += 1;
    return signingSource({
      credentials: { accessKeyId, secretAccessKey },
      region: "eu-west-1",
      env,
    });
  });
  const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...without } = env;
  const uri = `postgresql://app_ro@${place()}/orders?rdsiam=custom`;
  const options = await parseUrl(uri, { env: without });
  assert.equal(built, 0);
  assert.equal(await currentUser(options), "app_ro@orders");
  assert.equal(await currentUser(options), "app_ro@orders");
  assert.equal(built, 1);
});

test("any object that answers host, port and user with a token is a generator; it is asked for each connection", async () => {
  const asked: TokenRequest[] = [];
  const sign = signingSource({ env });
  tokenSources.add("mine", () => async (request) => {
    asked.push(request);
    return await sign(request);
  });
  const { alias: host, gateway } = standIn;
  const hash = { user: "app_ro", host, port: gateway.port, database: "orders", rdsiam: "mine" };
  const pool = new pg.Pool({ ...(await connectionOptions({ ...hash, env })), max: 2 });
  const clients = await Promise.all([pool.connect(), pool.connect()]);
  for (const client of clients) client.release(true);
  await pool.query("select 1");
  await pool.end();
  const expected = {
    host: standIn.canonicalHost,
    port: gateway.port,
    user: "app_ro",
    region: "eu-west-1",
  };
  assert.deepEqual(asked, [expected, expected, expected]);
});

test("a name that nobody registered is an error of the connection", async () => {
  const options = await parseUrl(`postgresql://app_ro@${place()}/orders?rdsiam=nobody`, { env });
  await assert.rejects(currentUser(options), /unknown token source "nobody"/);
});
