import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { makeAuthority, makeLeaf } from "../../src/demo/certificates.ts";
import { certificateFacts, type ShownCertificate } from "../../src/doctor/certificate.ts";

const DAY = 86_400_000;

function shown(pem: string, issuerCertificate?: ShownCertificate): ShownCertificate {
  return { raw: new X509Certificate(pem).raw, issuerCertificate };
}

test("certificateFacts() finds the root behind an intermediate, and counts whole days", async () => {
  const root = await makeAuthority({ subject: "CN=Root, O=Test" });
  const intermediate = await makeAuthority({ subject: "CN=Middle", issuer: root });
  const leaf = await makeLeaf({ subject: "CN=db", names: ["db"], issuer: intermediate });
  const chain = shown(leaf.cert, shown(intermediate.cert));
  assert.deepEqual(certificateFacts(chain, [intermediate.cert.slice(5), root.cert], Date.now()), {
    name: "db",
    days: 29,
    root: { name: "Root", days: 29 },
  });
  const later = certificateFacts(chain, [root.cert], Date.now() + 31 * DAY);
  assert.ok(later !== undefined && later.days < 0);
});

test("certificateFacts() gets along with a runtime that shows less, and with a chain without end", async () => {
  assert.equal(certificateFacts(undefined, [], 0), undefined);
  assert.equal(certificateFacts({}, [], 0), undefined);
  const root = await makeAuthority({ subject: "CN=Root" });
  const loop: { raw: Uint8Array; issuerCertificate?: ShownCertificate } = {
    raw: new X509Certificate(root.cert).raw,
  };
  loop.issuerCertificate = loop;
  assert.equal(certificateFacts(loop, [], Date.now())?.root, undefined);
});
