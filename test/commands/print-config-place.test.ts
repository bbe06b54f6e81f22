// What a tool can verify the proxy's own certificate with.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { settingsOf } from "../../src/commands/print-config-place.ts";
import type { ReadyPlace } from "../../src/commands/proxy-ready.ts";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";

const PLACE: ReadyPlace = {
  target: "orders",
  host: "10.0.0.5",
  port: 15_432,
  user: "app_ro",
  dbname: "orders",
  password: undefined,
  sslrootcert: undefined,
};

let directory = "";
let file = "";
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-config-"));
  file = join(directory, "cert.pem");
});
after(() => rm(directory, { recursive: true }));

async function tlsWith(...certificates: readonly { readonly cert: string }[]): Promise<unknown> {
  await writeFile(file, certificates.map(({ cert }) => cert).join("\n"));
  const { sslmode, sslrootcert } = await settingsOf({ ...PLACE, sslrootcert: file }, false);
  return [sslmode, sslrootcert];
}

test("settingsOf() lets a certificate that signed itself verify itself, and the address if it has it", async () => {
  const named = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.5", "proxy.example.com"] });
  assert.deepEqual(await tlsWith(named), ["verify-full", file]);
  const other = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.50"] });
  assert.deepEqual(await tlsWith(other), ["verify-ca", file]);
});

test("settingsOf() finds the root certificate at the end of a chain, and invents none", async () => {
  const issuer = await makeAuthority({ subject: "CN=root" });
  const leaf = await makeLeaf({ subject: "CN=proxy", names: ["10.0.0.5"], issuer });
  assert.deepEqual(await tlsWith(leaf, issuer), ["verify-full", file]);
  assert.deepEqual(await tlsWith(leaf), ["require", undefined]);
});

test("settingsOf() tells a proxy without a password from one that passes the login through", async () => {
  assert.equal((await settingsOf(PLACE, false)).password, "none");
  assert.equal((await settingsOf(PLACE, true)).password, "database");
  assert.equal((await settingsOf(PLACE, false)).sslmode, "disable");
});
