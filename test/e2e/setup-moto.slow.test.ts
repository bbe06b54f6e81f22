// moto as the judge of `rdsiam setup` and of `rds_secret = auto`: another program's RDS, Secrets Manager and IAM, with a real PostgreSQL
// behind them, which has what the secret says.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { startDns } from "../../src/demo/dns.ts";
import { startGateway } from "../../src/demo/gateway.ts";
import { appendProfile, makeEnvironment, makeHome } from "../../src/demo/home.ts";
import { KeyStore } from "../../src/demo/keys.ts";
import { startPostgres, SUPERUSER } from "../../src/demo/postgres.ts";
import { type Moto, startMoto, withoutMoto } from "../support/moto.ts";
import { rdsiam, without } from "../support/program.ts";

const skip = withoutMoto || without("psql");
const READ = ["--grant", "read", "--yes"];

interface MotoState {
  readonly host: string;
  readonly resourceId: string;
  readonly iam: boolean;
  readonly secret: string;
  readonly password: string;
  readonly policies: Readonly<Record<string, unknown>>;
}

const closers: (() => PromiseLike<unknown> | void)[] = [];
let moto: Moto<MotoState>;
let there: MotoState & { readonly endpoint: string };
let env: Readonly<Record<string, string>> = {};

before(async () => {
  if (skip !== false) return;
  moto = startMoto("setup");
  closers.push(() => moto[Symbol.dispose]());
  there = await moto.state();
  const directory = await mkdtemp(join(tmpdir(), "rdsiam-moto-"));
  closers.push(() => rm(directory, { recursive: true, force: true }));
  const postgres = await startPostgres({
    env: process.env,
    from: [process.cwd()],
    temporaryDirectory: tmpdir(),
  });
  closers.push(() => postgres[Symbol.asyncDispose]());
  await postgres.query(`CREATE ROLE rds_iam NOLOGIN; CREATE ROLE rds_superuser NOLOGIN;
    CREATE ROLE admin LOGIN CREATEDB CREATEROLE IN ROLE rds_superuser PASSWORD '${there.password}'`);
  await postgres.query("CREATE DATABASE inventory OWNER admin");
  const authority = await makeAuthority({ subject: "CN=a CA" });
  const leaf = await makeLeaf({ subject: "CN=inventory", names: [there.host], issuer: authority });
  const keys = new KeyStore();
  const gateway = await startGateway({
    hosts: [there.host],
    region: "eu-west-1",
    keys,
    certificate: { cert: leaf.cert, key: leaf.key },
    backendPath: postgres.socketPath,
    reservedUser: SUPERUSER,
    isIamUser: (user) => postgres.isIamUser(user),
  });
  closers.push(() => gateway[Symbol.asyncDispose]());
  const dns = await startDns({ [there.host]: { a: ["127.0.0.1"] } });
  closers.push(() => dns[Symbol.asyncDispose]());
  const ca = join(directory, "ca.pem");
  await writeFile(ca, authority.cert);
  const home = await makeHome(directory);
  const settings = {
    region: "eu-west-1",
    rds_host: there.host,
    rds_port: gateway.port,
    rds_dbname: "inventory",
    rds_dns_servers: dns.address,
    rds_sslrootcert: ca,
  };
  const key = keys.createStaticKey({ arn: "arn:aws:iam::123456789012:user/jane" });
  await appendProfile(home, "inventory", { ...settings, rds_user: "stock_ro" }, key);
  await appendProfile(home, "master", { ...settings, rds_secret: "auto" }, key);
  env = makeEnvironment(home, { sts: there.endpoint });
});
after(async () => {
  for (const close of closers.toReversed()) await close();
});

test(
  "moto + rds_secret = auto: the RDS API names the secret, Secrets Manager gives it, and psql logs in",
  { skip },
  async () => {
    const ran = await rdsiam(["psql", "-v", "master", "-XAtc", "select current_user"], { env });
    assert.equal(ran.stdout, "admin\n", ran.stderr);
    assert.match(
      ran.stderr,
      /the master user's secret is arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!\S+\n/,
    );
    assert.ok(!ran.stderr.includes(there.password));
    const absent = await rdsiam(["psql", "--secret", "nowhere", "master", "-c", "select 1"], {
      env,
    });
    assert.match(
      absent.stderr,
      /there is no secret nowhere in eu-west-1\nDETAIL: {2}AWS says: Secrets Manager can't find the specified secret\./,
    );
  },
);

test(
  "moto + rdsiam setup: IAM authentication, the user and the role's policy; the second run has nothing to do",
  { skip },
  async () => {
    assert.equal(there.iam, false);
    const made = await rdsiam(["setup", "inventory", ...READ, "--attach-policy", "db-reader"], {
      env,
    });
    assert.equal(made.status, 0, made.stdout + made.stderr);
    assert.match(made.stdout, /as "admin" \(the master user's secret\)/);
    assert.match(made.stdout, /^ok +login +user "stock_ro", database "inventory"/m);
    const again = await rdsiam(
      ["setup", "inventory", ...READ, "--attach-policy", "role/db-reader"],
      { env },
    );
    assert.match(again.stdout, /\nNothing to do/);
    const ofUser = await rdsiam(["setup", "inventory", ...READ, "--attach-policy", "jane"], {
      env,
    });
    assert.match(ofUser.stdout, /1\. let the user jane log in as it\n[^]*done {2}1\./);
    const now = await moto.state();
    const statement = {
      Effect: "Allow",
      Action: "rds-db:connect",
      Resource: `arn:aws:rds-db:eu-west-1:123456789012:dbuser:${there.resourceId}/stock_ro`,
    };
    const document = { Version: "2012-10-17", Statement: [statement] };
    const name = `rdsiam-connect-${there.resourceId}-stock_ro`;
    assert.deepEqual([now.iam, now.policies], [true, { [name]: document }]);
    const nobody = await rdsiam(["setup", "inventory", ...READ, "--attach-policy", "nobody"], {
      env,
    });
    assert.match(nobody.stderr, /there is no role or user "nobody"/);
    assert.ok(
      ![made, again, ofUser].some(({ stdout, stderr }) =>
        `${stdout}${stderr}`.includes(there.password),
      ),
    );
  },
);

test(
  "moto + rdsiam setup without --attach-policy prints the policy, as nothing tells that it is there",
  { skip },
  async () => {
    const ran = await rdsiam(["setup", "inventory", ...READ], { env });
    assert.match(ran.stdout, /Nothing to do[^]*IAM must allow this[^]*"Action": "rds-db:connect"/);
  },
);
