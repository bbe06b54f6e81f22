// How TLS with a database begins, as far as settings and earlier logins say, and what Aurora DSQL needs beside it.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Backend, TlsNegotiation } from "../../src/proxy/backend.ts";
import { openBackend } from "../../src/session/backend.ts";
import { openLogin } from "../../src/session/login.ts";
import { resolveRun } from "../../src/session/resolve-run.ts";
import { runContext } from "../support/run-context.ts";

const directory = mkdtempSync(join(tmpdir(), "rdsiam-backend-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const HOST = "cabc123xyz0.eu-west-1.rds.amazonaws.com";
const HOSTS = [
  ["prod", `orders.${HOST}`],
  ["other", `other.${HOST}`],
  ["pool", `pool.proxy-${HOST}`],
  ["dsql", "abcdefghijklmnopqrst123456"],
  ["plain", "abcdefghijklmnopqrst123456\nrds_dsql_dialect = off"],
  [
    "private",
    "vpce-0a-1b.dsql-fnh4.eu-west-1.vpce.amazonaws.com\nrds_sign_host = abcdefghijklmnopqrst123456.dsql-fnh4.eu-west-1.on.aws",
  ],
  ["old", `old.${HOST}\nrds_tls_negotiation = postgres`],
  ["new", `new.${HOST}\nrds_tls_negotiation = direct`],
] as const;
const file = join(directory, "config");
const keys = "aws_access_key_id = AKIDEXAMPLE000000000\naws_secret_access_key = secret/of+it";
const profiles = HOSTS.map(
  ([name, host]) =>
    `[profile ${name}]\nregion = eu-west-1\n${keys}\nrds_user = app\nrds_host = ${host}\n`,
);
writeFileSync(file, profiles.join("\n"));

async function backendOf(targetName: string): Promise<Backend> {
  const context = runContext({ HOME: directory, AWS_CONFIG_FILE: file });
  const login = await openLogin(context, await resolveRun(context, { targetName, options: {} }));
  return openBackend(context, login);
}

async function negotiation(targetName: string): Promise<TlsNegotiation | undefined> {
  return (await backendOf(targetName)).negotiation;
}

function greeting(version: string): Buffer {
  return Buffer.from(`S\0\0\0\x20server_version\0${version}\0`);
}

test("openBackend() begins TLS as rds_tls_negotiation says, and with Aurora DSQL at once", async () => {
  assert.equal(await negotiation("old"), undefined);
  assert.equal((await negotiation("new"))?.direct(), "only");
  assert.equal((await negotiation("dsql"))?.direct(), "try");
  assert.equal(await negotiation("pool"), undefined);
});

test("openBackend() remembers a PostgreSQL that takes direct TLS, and that it no longer does", async () => {
  const first = await negotiation("prod");
  assert.equal(first?.direct(), "no");
  first.worked(greeting("16.9 (Debian)"));
  assert.equal((await negotiation("prod"))?.direct(), "no");
  (await negotiation("prod"))?.worked(greeting("17.2"));
  const second = await negotiation("prod");
  assert.equal(second?.direct(), "try");
  assert.equal((await negotiation("other"))?.direct(), "no");
  second.failed();
  assert.equal(second.direct(), "no");
  assert.equal((await negotiation("prod"))?.direct(), "no");
  (await negotiation("prod"))?.worked(greeting("18beta1"));
  assert.equal((await negotiation("prod"))?.direct(), "try");
});

test("openBackend() gives DSQL's dialect to DSQL alone, and the cluster's ID to an interface endpoint", async () => {
  const ofDsql = async (name: string) => {
    const { dialect, clusterId } = await backendOf(name);
    return [dialect, clusterId];
  };
  assert.deepEqual(await ofDsql("dsql"), ["dsql", undefined]);
  assert.deepEqual(await ofDsql("private"), ["dsql", "abcdefghijklmnopqrst123456"]);
  assert.deepEqual(await ofDsql("plain"), [undefined, undefined]);
  assert.deepEqual(await ofDsql("prod"), [undefined, undefined]);
});
