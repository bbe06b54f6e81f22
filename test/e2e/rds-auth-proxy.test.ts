// psql through a server of the old rds-auth-proxy.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { type Finished, rdsiam, without } from "../support/program.ts";
import { startRdsAuthProxy } from "../support/rds-auth-proxy-stand-in.ts";
import { startStage } from "../support/stage.ts";
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
const options = {
  allowed: `${standIn.canonicalHost}:${port}`,
  databasePort: port,
  databaseCa: standIn.authority.cert,
};
const server = await keep(startRdsAuthProxy({ certificate, ...options }));
const quickstart = await keep(startRdsAuthProxy(options));

const skip = without("psql");

function psql(via: string, ...words: readonly string[]): Promise<Finished> {
  return rdsiam(["psql", "--via", via, ...words], { env: standIn.env });
}

for (const [how, query, asked] of [
  ["verified with its own certificate", () => `?ca=${caFile}`, () => server],
  ["taken at its word at a tunnel's end", () => "?sslmode=require", () => server],
  ["without TLS at a tunnel's end", () => "?sslmode=disable", () => quickstart],
] as const) {
  test(
    `psql --via rds-auth-proxy://, ${how}: host and token go in the StartupMessage`,
    { skip },
    async () => {
      const logins = standIn.gateway.logins.length;
      const via = `rds-auth-proxy://localhost:${asked().port}${query()}`;
      const ran = await psql(
        via,
        "prod",
        "-Atc",
        "select current_user, current_setting('application_name')",
      );
      assert.deepEqual([ran.status, ran.stdout], [0, "app_ro|psql\n"], ran.stderr);
      assert.match(
        ran.stderr,
        asked() === quickstart
          ? /^rdsiam: warning: rds-auth-proxy at localhost reads the auth token and all data of its sessions, which reach it without TLS\n/
          : /^rdsiam: warning: rds-auth-proxy at localhost reads the auth token and all data of its sessions\n/,
      );
      assert.equal(standIn.gateway.logins.length, logins + 1);
      const startup = asked().startups.at(-1);
      assert.equal(startup?.get("host"), `${standIn.canonicalHost}:${standIn.gateway.port}`);
      assert.match(startup?.get("password") ?? "", /X-Amz-Signature=/);
    },
  );
}

test("a server whose certificate is not trusted gets no token", { skip }, async () => {
  const before_ = server.startups.length;
  const ran = await psql(`rds-auth-proxy://localhost:${server.port}`, "prod", "-c", "select 1");
  assert.equal(ran.status, 2);
  assert.match(
    ran.stderr,
    /the certificate of localhost is not trusted[^]*HINT: .*rds-auth-proxy:\/\/NAME:PORT\?ca=FILE/,
  );
  assert.equal(server.startups.length, before_);
});

for (const query of ["", "?sslmode=require"]) {
  test(
    `a server without TLS gets no token with "${query}", and the error names sslmode=disable`,
    { skip },
    async () => {
      const ran = await psql(
        `rds-auth-proxy://localhost:${quickstart.port}${query}`,
        "prod",
        "-c",
        "",
      );
      assert.equal(ran.status, 2);
      assert.match(ran.stderr, /TLS[^]*No auth token was sent\.[^]*HINT: .*\?sslmode=disable/);
    },
  );
}
