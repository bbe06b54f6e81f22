// Aurora DSQL through every --via, with direct TLS and the dialect in the tunnel.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeLeaf } from "../../src/demo/certificates.ts";
import { type Finished, rdsiam, without } from "../support/program.ts";
import { startRdsAuthProxy } from "../support/rds-auth-proxy-stand-in.ts";
import { DEMO_USER, startTestRelay } from "../support/relay-scene.ts";
import { lackingFor, startViaScene, WAYS } from "../support/via-scene.ts";
import { keep } from "../support/keep.ts";

const scene = await keep(startViaScene("ledger"));

const INPUT = `set statement_timeout = 0;
select current_user, count(*) from entries;
\\c - app_ro
begin isolation level read committed;
lock table entries in access share mode;
select current_user, count(*) from entries;
commit;
`;

/** Two logins, by psql. */
function psql(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const words = ["psql", ...args, "ledger", "-XAtq", "-v", "ON_ERROR_STOP=1"];
  return rdsiam(words, { env: { ...scene.standIn.env, ...env }, input: INPUT });
}

function assertWorked(ran: Finished): void {
  assert.deepEqual([ran.status, ran.stdout], [0, "admin|60\napp_ro|60\n"], ran.stderr);
}

for (const name of WAYS) {
  test(`--via ${name}: psql on Aurora DSQL`, { skip: lackingFor(name) }, async () => {
    const way = scene.ways.get(name);
    assert.ok(way !== undefined);
    assertWorked(await psql(way.args, way.env));
  });
}

const skip = without("psql");

test(
  "--via relay: a cluster that is listed by its endpoint; another is refused",
  { skip },
  async () => {
    const { dsql, dsqlHost } = scene.standIn;
    const rules = `[allow all]\narn = ${DEMO_USER}\ntargets = *\n`;
    const listed = { ...scene.standIn, canonicalHost: dsqlHost, gateway: dsql };
    await using relay = await startTestRelay(listed, { rules });
    assertWorked(await psql(["--via", relay.via()]));
    await using other = await startTestRelay(scene.standIn, { rules });
    const ran = await psql(["--via", other.via()]);
    assert.equal(ran.status, 2);
    assert.match(
      ran.stderr,
      /opened no connection to ledger6\S+\.dsql\.eu-west-1\.on\.aws port \d+\nDETAIL: .* or the database is not on its list\./,
    );
  },
);

test("--via relay: an interface endpoint that is listed by its own name", { skip }, async () => {
  const { dsql, privateLink } = scene.standIn;
  const rules = `[allow all]\narn = ${DEMO_USER}\ntargets = *\n`;
  const listed = { ...scene.standIn, canonicalHost: privateLink.interfaceHost, gateway: dsql };
  await using relay = await startTestRelay(listed, { rules });
  const host = ["--host", `${privateLink.interfaceHost}:${dsql.port}`];
  assertWorked(await psql(["--via", relay.via(), ...host, "--sign-host", privateLink.host]));
});

test("--via rds-auth-proxy: its login takes the token of Aurora DSQL", { skip }, async () => {
  const { authority, directory, dsql, dsqlHost } = scene.standIn;
  const certificate = await makeLeaf({ subject: "O=Mothership", names: ["localhost"] });
  const caFile = join(directory, "mothership.pem");
  await writeFile(caFile, certificate.cert);
  await using server = await startRdsAuthProxy({
    certificate,
    allowed: `${dsqlHost}:${dsql.port}`,
    databasePort: dsql.port,
    databaseCa: authority.cert,
  });
  assertWorked(await psql(["--via", `rds-auth-proxy://localhost:${server.port}?ca=${caFile}`]));
});
