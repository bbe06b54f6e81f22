// What a relay takes for a certificate with its key.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Certificate, makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { loadRelayTls } from "../../src/relay/files.ts";

let directory: string;
let leaf: Certificate;
let other: Certificate;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "rdsiam-relay-files-"));
  const issuer = await makeAuthority({ subject: "CN=relay files" });
  leaf = await makeLeaf({ subject: "CN=relay", names: ["relay.example.com"], issuer });
  other = await makeLeaf({ subject: "CN=other", names: ["other.example.com"], issuer });
});
after(() => rm(directory, { recursive: true, force: true }));

async function load(cert: string, key: string): ReturnType<typeof loadRelayTls> {
  const tlsCert = join(directory, "tls.crt");
  const tlsKey = join(directory, "tls.key");
  await writeFile(tlsCert, cert);
  await writeFile(tlsKey, key);
  return loadRelayTls({ tlsCert, tlsKey, tlsClientCa: undefined });
}

test("loadRelayTls() takes a certificate with its key, in one file too", async () => {
  assert.deepEqual(await load(leaf.cert, leaf.key), {
    cert: leaf.cert,
    key: leaf.key,
    ca: undefined,
  });
  const both = leaf.key + leaf.cert;
  assert.deepEqual(await load(both, both), { cert: both, key: both, ca: undefined });
});

test("loadRelayTls() refuses another certificate's key, and files that have nothing in them yet", async () => {
  for (const [cert, key] of [
    [leaf.cert, other.key],
    ["", leaf.key],
    [leaf.cert, ""],
    ["", ""],
    [leaf.key, leaf.cert],
  ] as const) {
    await assert.rejects(load(cert, key), { code: "ERR_CONFIG", hint: /PEM files/ });
  }
});
