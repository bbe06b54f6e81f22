// Certificates in PEM texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { rootCertificates } from "node:tls";
import { pemBlocks, pemCertificates } from "../../src/base/pem.ts";

const [FIRST = "", SECOND = ""] = rootCertificates;
const BROKEN = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----";

function broken(number: number): Error {
  return new Error(`number ${number}`);
}

test("pemBlocks() finds each certificate, whatever is around it", () => {
  const trusted = BROKEN.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE");
  const text = `Subject: x\n${FIRST}\r\n\n# and\n${trusted}\n-----BEGIN PRIVATE KEY-----\n`;
  assert.deepEqual(pemBlocks(text), [FIRST.trim()]);
  assert.deepEqual(pemBlocks(text, "or trusted"), [FIRST.trim(), trusted]);
  assert.deepEqual(pemBlocks("garbage"), []);
});

test("pemCertificates() parses each, and reports a broken one by its number", () => {
  const found = pemCertificates(`${FIRST}\n${SECOND}`, broken);
  assert.deepEqual(
    found.map(({ pem, certificate }) => [pem, certificate.ca]),
    [
      [FIRST.trim(), true],
      [SECOND.trim(), true],
    ],
  );
  assert.throws(() => pemCertificates(`${FIRST}\n${BROKEN}`, broken), /^Error: number 2$/);
  const cut = SECOND.slice(0, -40);
  assert.deepEqual(pemBlocks(`${cut}\n${FIRST}`), [FIRST.trim()]);
  assert.throws(() => pemCertificates(`${FIRST}\n${cut}`, broken), /^Error: number 2$/);
  assert.throws(() => pemCertificates(`${cut}\n${FIRST}`, broken), /^Error: number 1$/);
});
