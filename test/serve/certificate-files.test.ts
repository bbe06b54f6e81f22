// The certificate that is served, and what happens when its files change.
import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { chmod, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { followCertificate } from "../../src/serve/certificate-files.ts";
import { temporaryDirectory } from "../support/keep.ts";

const warnings: string[] = [];
const warn = (message: string): void => void warnings.push(message);
const directory = await temporaryDirectory("tls");
const ca = await makeAuthority({ subject: "CN=a CA" });
const one = await makeLeaf({ subject: "CN=one", names: ["localhost"], issuer: ca });
const two = await makeLeaf({ subject: "CN=two", names: ["localhost"], issuer: ca });
beforeEach(async () => {
  warnings.length = 0;
  await write("cert", one.cert);
  await write("key", one.key);
  await write("ca", ca.cert);
});

const files = () => ({ cert: path("cert"), key: path("key"), clientCa: undefined });

function path(name: string): string {
  return join(directory, name);
}

async function write(name: string, text: string, mode = 0o600): Promise<void> {
  await writeFile(path(`${name}.new`), text, { mode });
  await rename(path(`${name}.new`), path(name));
}

test("followCertificate() + answers what is in the files, and what is in them later", async () => {
  const certificate = await followCertificate({ ...files(), clientCa: path("ca") }, warn);
  const { cert, clientCa, context, key, leaf } = await certificate();
  assert.deepEqual([cert, key, clientCa], [one.cert, one.key, [ca.cert]]);
  assert.deepEqual(leaf, new X509Certificate(one.cert).raw);
  assert.equal(context, (await certificate()).context);
  await write("cert", two.cert);
  await write("key", two.key);
  assert.equal((await certificate()).cert, two.cert);
  assert.deepEqual(warnings, []);
});

test("followCertificate() + a broken renewal leaves the certificate of before and warns once; a good one then counts", async () => {
  const certificate = await followCertificate(files(), warn);
  await write("cert", two.cert);
  // The key has not arrived yet.
  const all = await Promise.all([certificate(), certificate(), certificate()]);
  assert.deepEqual(new Set(all.map(({ cert }) => cert)), new Set([one.cert]));
  await certificate();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /does not belong to the certificate.*stays in use$/);
  await rm(path("cert"));
  assert.equal((await certificate()).cert, one.cert);
  assert.match(warnings[1] ?? "", /cannot read the certificate file .*: ENOENT; /);
  await write("cert", two.cert);
  await write("key", two.key);
  assert.equal((await certificate()).cert, two.cert);
  assert.equal(warnings.length, 2);
});

test("followCertificate() + follows a symbolic link that is moved, as Kubernetes does", async () => {
  await write("second-cert", two.cert);
  await write("second-key", two.key);
  for (const name of ["cert", "key"]) await symlink(path(name), path(`link-${name}`));
  const links = { cert: path("link-cert"), key: path("link-key"), clientCa: undefined };
  const certificate = await followCertificate(links, warn);
  assert.equal((await certificate()).cert, one.cert);
  for (const name of ["cert", "key"]) {
    await symlink(path(`second-${name}`), path("moved"));
    await rename(path("moved"), path(`link-${name}`));
  }
  assert.equal((await certificate()).cert, two.cert);
});

test("followCertificate() + refuses at the start what cannot be served", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const locked = privateKey.export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  const bad: readonly (readonly [string, string, RegExp])[] = [
    ["cert", "nothing", /^there is no certificate in /],
    ["cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /cannot be read$/],
    ["key", "nothing", /^there is no private key in /],
    ["key", String(locked), /is encrypted$/],
    ["key", two.key, /does not belong to the certificate/],
    ["ca", "nothing", /^there is no certificate in /],
  ];
  for (const [name, text, message] of bad) {
    await write("cert", one.cert);
    await write("key", one.key);
    await write(name, text);
    const all = { ...files(), clientCa: path("ca") };
    await assert.rejects(followCertificate(all, warn), { code: "ERR_CERTIFICATE", message }, name);
  }
  const missing = { ...files(), key: path("nowhere") };
  await assert.rejects(followCertificate(missing, warn), /cannot read the key file .*: ENOENT$/);
});

test("followCertificate() + refuses a key that others can read", async () => {
  for (const mode of [0o644, 0o640, 0o604]) {
    await chmod(path("key"), mode);
    await assert.rejects(followCertificate(files(), warn), {
      message: /^others can read the key/,
      // Root's own 0640 is refused where root serves it.
      hint: /chmod 600 .* \(or 640 if root owns it and rdsiam runs as another user\)$/,
    });
  }
});

test("followCertificate() + warns of a certificate that has expired", async () => {
  const notAfter = new Date(Date.now() - 60_000);
  const notBefore = new Date(Date.now() - 86_400_000);
  const old = await makeLeaf({ subject: "CN=old", names: ["a"], issuer: ca, notBefore, notAfter });
  await write("cert", old.cert);
  await write("key", old.key);
  await followCertificate(files(), warn);
  assert.match(warnings[0] ?? "", /expired on \d{4}-/);
});
