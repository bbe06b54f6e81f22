// What is accepted as a certificate and its key.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { loadServerCertificate } from "../../src/base/server-certificate.ts";
import { temporaryDirectory } from "../support/keep.ts";

const directory = await temporaryDirectory("certificate");
const issuer = await makeAuthority({ subject: "CN=certificate files" });
const leaf = await makeLeaf({ subject: "CN=relay", names: ["relay.example.com"], issuer });
const other = await makeLeaf({ subject: "CN=other", names: ["other.example.com"], issuer });

async function load(cert: string, key: string): ReturnType<typeof loadServerCertificate> {
  const tlsCert = join(directory, "tls.crt");
  const tlsKey = join(directory, "tls.key");
  await writeFile(tlsCert, cert);
  await writeFile(tlsKey, key);
  return loadServerCertificate({ cert: tlsCert, key: tlsKey, clientCa: undefined });
}

test("loadServerCertificate() + reads a certificate and its key, in one file too", async () => {
  const both = leaf.key + leaf.cert;
  for (const [cert, key] of [
    [leaf.cert, leaf.key],
    [both, both],
  ] as const) {
    const { context, ...read } = await load(cert, key);
    const der = new X509Certificate(leaf.cert).raw;
    assert.deepEqual(read, { cert, key, leaf: der, clientCa: undefined });
    assert.ok(context);
  }
});

test("loadServerCertificate() + refuses another certificate's key, and files that are still empty", async () => {
  for (const [cert, key] of [
    [leaf.cert, other.key],
    ["", leaf.key],
    [leaf.cert, ""],
    ["", ""],
    [leaf.key, leaf.cert],
  ] as const) {
    await assert.rejects(load(cert, key), { code: "ERR_CERTIFICATE", hint: /PEM files/ });
  }
});
