// The slice of `npm run test:slow -- clients` that npm run test:slow runs: what is printed, typed into psql and node-postgres, and
// the clients of Aurora DSQL that are on this machine.
import assert from "node:assert/strict";
import { mkdtemp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import pg from "pg";
import { prepare } from "../drivers/drivers.ts";
import { clients, tryClient } from "../support/clients.ts";
import { rdsiam, run, without } from "../support/program.ts";
import { startStage } from "../support/stage.ts";
import { openProxy } from "../support/open-proxy.ts";
import { keep, temporaryDirectory } from "../support/keep.ts";
import { freePort } from "../support/via-servers.ts";

const QUERY = "select current_user, current_database()";

const standIn = await keep(startStage());
const directory = await temporaryDirectory("clients");

test("psql takes the line that is printed for docker", { skip: without("psql") }, async () => {
  await using proxy = openProxy(["prod", "--print-config", "docker"], standIn.env);
  const [, line = ""] = await proxy.printed(/^(PGPASSWORD=.*)\n/m);
  // A container that shares the network of this machine, without the container.
  const docker = 'docker() { while [ "$1" != postgres ]; do shift; done; shift; "$@"; }';
  const ran = await run(["sh", "-c", `${docker}\n${line} -Atc '${QUERY}'`]);
  assert.equal(ran.stdout, "app_ro|orders\n", ran.stderr);
});

const files = { passwordFile: "", tlsCert: "", tlsKey: "" };
for (const client of clients(files).filter(({ target }) => target === "ledger")) {
  test(`rdsiam proxy ledger: ${client.name}`, async (context) => {
    const compiled = await mkdtemp(join(directory, "client-"));
    const reason = await prepare(client.driver, compiled, { installs: false });
    if (reason !== undefined) return context.skip(reason);
    const outcomes = await tryClient(client, standIn, compiled);
    assert.deepEqual(
      outcomes.filter(({ ok }) => !ok),
      [],
    );
  });
}

test("with a fixed port and a password file the settings stay the same, and have no password in them", async () => {
  const file = join(directory, "password");
  const port = String(await freePort());
  const words = ["prod", "--port", port, "--password-file", file, "--print-config", "pgadmin"];
  const texts: string[] = [];
  for (const _ of ["first", "second"]) {
    await using proxy = openProxy(words, standIn.env);
    const [text, json = ""] = await proxy.printed(/^.*^(\{\n.*\n\})\n/ms);
    texts.push(text);
    const password = (await readFile(file, "utf8")).trim();
    assert.ok(!text.includes(password));
    const { Servers } = JSON.parse(json) as { Servers: Record<string, Record<string, string>> };
    const { Host: host, Port, MaintenanceDB: database, Username: user } = Servers["1"] ?? {};
    const client = new pg.Client({ host, port: Number(Port), database, user, password });
    await client.connect();
    const { rows } = await client.query({ text: QUERY, rowMode: "array" });
    assert.deepEqual(rows, [["app_ro", "orders"]]);
    await client.end();
    assert.equal(await proxy.end(), 0);
  }
  assert.equal(texts[0], texts[1]);
});

test("settings that nobody could use are refused before anything is opened", async () => {
  const env = standIn.env;
  const json = await rdsiam(["proxy", "prod", "--print-config", "jdbc", "--json"], { env });
  assert.match(json.stderr, /^rdsiam: error: --print-config and --json cannot be combined\n/);
  const socket = ["--print-config", "jdbc", "--socket", join(directory, "socket")];
  const jdbc = await rdsiam(["proxy", "prod", ...socket], { env });
  assert.match(
    jdbc.stderr,
    /^rdsiam: error: --socket and --print-config jdbc cannot be combined\n/,
  );
  const unknown = await rdsiam(["proxy", "prod", "--print-config", "dbeever"], { env });
  assert.match(unknown.stderr, /Did you mean dbeaver\?/);
  assert.deepEqual([json.status, jdbc.status, unknown.status], [125, 125, 125]);
});
