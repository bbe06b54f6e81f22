// psql through a server of the old rds-auth-proxy.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import type { StandIn } from "../../src/demo/stand-in.ts";
import { type Finished, rdsiam, without } from "../support/program.ts";
import { type RdsAuthProxy, startRdsAuthProxy } from "../support/rds-auth-proxy-stand-in.ts";
import { startStage } from "../support/stage.ts";

let standIn: StandIn;
let server: RdsAuthProxy;
let caFile: string;
before(async () => {
  standIn = await startStage();
  // As the server makes it for itself: signed by itself, for localhost.
  const certificate = await makeLeaf({
    subject: "O=Mothership",
    names: ["localhost", "127.0.0.1"],
  });
  caFile = join(standIn.directory, "mothership.pem");
  await writeFile(caFile, certificate.cert);
  const { port } = standIn.gateway;
  server = await startRdsAuthProxy({
    certificate,
    allowed: `${standIn.canonicalHost}:${port}`,
    databasePort: port,
    databaseCa: standIn.authority.cert,
  });
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
});

const skip = without("psql");

function psql(via: string, ...words: readonly string[]): Promise<Finished> {
  return rdsiam(["psql", "--via", via, ...words], { env: standIn.env });
}

for (const [how, query] of [
  ["verified with its own certificate", () => `?ca=${caFile}`],
  ["taken at its word at a tunnel's end", () => "?sslmode=require"],
] as const) {
  test(
    `psql --via rds-auth-proxy://, ${how}: host and token go in the StartupMessage`,
    { skip },
    async () => {
      const logins = standIn.gateway.logins.length;
      const via = `rds-auth-proxy://localhost:${server.port}${query()}`;
      const ran = await psql(
        via,
        "prod",
        "-Atc",
        "select current_user, current_setting('application_name')",
      );
      assert.deepEqual([ran.status, ran.stdout], [0, "app_ro|psql\n"], ran.stderr);
      assert.match(
        ran.stderr,
        /^rdsiam: warning: rds-auth-proxy at localhost reads the auth token and all data/,
      );
      assert.equal(standIn.gateway.logins.length, logins + 1);
      const startup = server.startups.at(-1);
      assert.equal(startup?.get("host"), `${standIn.canonicalHost}:${standIn.gateway.port}`);
      assert.match(startup?.get("password") ?? "", /X-Amz-Signature=/);
    },
  );
}

test("a server whose certificate is not trusted gets no token", { skip }, async () => {
  const before_ = server.startups.length;
  const ran = await psql(`rds-auth-proxy://localhost:${server.port}`, "prod", "-c", "select 1");
  assert.equal(ran.status, 2);
  assert.match(ran.stderr, /the certificate of localhost is not trusted/);
  assert.equal(server.startups.length, before_);
});
