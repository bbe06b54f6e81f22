// What a server of the old rds-auth-proxy refuses and cannot do; test/e2e/rds-auth-proxy.test.ts shows that it works.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { USERS } from "../../src/demo/postgres-seed.ts";
import { type Finished, rdsiam, without } from "../support/program.ts";
import { startRdsAuthProxy } from "../support/rds-auth-proxy-stand-in.ts";
import { startStage, untilSleeping } from "../support/stage.ts";
import { keep } from "../support/keep.ts";

const standIn = await keep(startStage());
// As the server makes it for itself: signed by itself, for localhost.
const certificate = await makeLeaf({
  subject: "O=Mothership",
  names: ["localhost", "127.0.0.1"],
});
const caFile = join(standIn.directory, "mothership.pem");
await writeFile(caFile, certificate.cert);
const { port } = standIn.gateway;
const server = await keep(
  startRdsAuthProxy({
    certificate,
    allowed: `${standIn.canonicalHost}:${port}`,
    databasePort: port,
    databaseCa: standIn.authority.cert,
  }),
);
const via = `rds-auth-proxy://localhost:${server.port}?ca=${caFile}`;

const skip = without("psql");

function psql(...words: readonly string[]): Promise<Finished> {
  return rdsiam(["psql", "--via", via, ...words], { env: standIn.env });
}

test("a refusal of the database, and one of the server, reach psql", { skip }, async () => {
  const denied = await psql("-U", "nobody_there", "prod", "-c", "select 1");
  assert.equal(denied.status, 2);
  assert.match(denied.stderr, /FATAL: {2}\S/);
  const { env } = standIn;
  const other = `${standIn.instanceHost}:${standIn.gateway.port}`;
  const off = await rdsiam(["psql", "--via", via, "--host", other, "prod", "-c", "select 1"], {
    env,
  });
  assert.match(off.stderr, /not configured for this proxy\nDETAIL: .*\nHINT: .*instance's own/);
  const scram = await psql("-U", USERS.legacy, "prod", "-c", "select 1");
  assert.match(
    scram.stderr,
    /SASL auth not supported\nDETAIL: .* asked for SCRAM-SHA-256.*\nHINT: .*GRANT rds_iam/,
  );
});

test(
  "a cancel is not sent: the server cannot forward it, and rdsiam reports that",
  { skip },
  async () => {
    const script = `psql -Atc 'select pg_sleep(2)' & until [ -e "$1" ]; do sleep 0.05; done; kill -INT $!; wait $!; echo "psql=$?"`;
    const go = join(standIn.directory, "go");
    const words = ["exec", "-v", "--via", via, "prod", "bash", "-c", script, "bash", go];
    const running = rdsiam(words, { env: standIn.env });
    await untilSleeping(standIn);
    await writeFile(go, "");
    const ran = await running;
    assert.doesNotMatch(ran.stderr, /canceling statement/);
    assert.match(ran.stderr, /rds-auth-proxy does not forward cancel requests/);
    assert.deepEqual(server.unknown, []);
  },
);
