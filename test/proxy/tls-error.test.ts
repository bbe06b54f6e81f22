// What a person reads when TLS with the backend does not come up, by error code.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PeerCertificate, TLSSocket } from "node:tls";
import {
  type PresentedCertificate,
  rememberCertificate,
  tlsError,
} from "../../src/proxy/tls-error.ts";

const TRUST = { host: "db1.abc.eu-west-1.rds.amazonaws.com", trust: "the test root" };
const SHOWN: PresentedCertificate = {
  subject: "db1.abc.eu-west-1.rds.amazonaws.com",
  issuer: "Example Proxy CA",
  names: "DNS:other.example.com",
  validFrom: Date.UTC(2026, 0, 1),
  validTo: Date.UTC(2026, 1, 1),
};

function failure(code: string | undefined, shown?: PresentedCertificate) {
  const error = Object.assign(new Error("words of a library"), code === undefined ? {} : { code });
  return tlsError(TRUST, error, shown);
}

test("tlsError() tells the reason by the code, whose certificate it was and what was trusted", () => {
  const reasons: Readonly<Record<string, RegExp>> = {
    CERT_HAS_EXPIRED: /It expired on 2026-02-01T00:00:00\.000Z\./,
    CERT_NOT_YET_VALID: /It is not valid yet, only from 2026-01-01T00:00:00\.000Z\./,
    DEPTH_ZERO_SELF_SIGNED_CERT: /It is signed by itself\./,
    SELF_SIGNED_CERT_IN_CHAIN: /It does not chain to a trusted root/,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: /It does not chain to a trusted root, or .* intermediate/,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: /It does not chain to a trusted root/,
    ERR_TLS_CERT_ALTNAME_INVALID: /It is for DNS:other\.example\.com, not for db1\./,
    INVALID_PURPOSE: /The verification ended with INVALID_PURPOSE\./,
  };
  for (const [code, reason] of Object.entries(reasons)) {
    const { code: kind, detail = "", hint, message } = failure(code, SHOWN);
    assert.deepEqual(
      [kind, message],
      ["ERR_CERTIFICATE", `the certificate of ${TRUST.host} is not trusted`],
    );
    assert.match(detail, reason);
    assert.match(
      detail,
      /^The server presented a certificate of "db1\..*", issued by "Example Proxy CA"\. /,
    );
    assert.match(detail, / Trusted CAs: the test root\. No auth token was sent\.$/);
    assert.doesNotMatch(detail, /words of a library/);
    assert.ok(hint);
  }
});

test("tlsError() says what a runtime leaves open: Deno has one code for a wrong root and wrong dates", () => {
  const { detail = "" } = failure("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  assert.match(
    detail,
    /^The server presented a certificate that this runtime does not describe\. /,
  );
  assert.match(detail, /It does not chain to a trusted root, or its dates are wrong\./);
});

test("tlsError() takes a certificate that its own issuer signed for self-signed, whatever the code", () => {
  const { detail = "" } = failure("UNABLE_TO_VERIFY_LEAF_SIGNATURE", {
    ...SHOWN,
    issuer: SHOWN.subject,
  });
  assert.match(detail, /It is signed by itself\./);
});

test("tlsError() + names the bundle of the issuer's Region where the issuer calls itself a CA of RDS", () => {
  for (const [issuer, hint] of [
    ["Amazon RDS eu-west-1 Root CA RSA2048 G1", /rdsiam ca update --region eu-west-1\./],
    ["Amazon RDS Root 2019 CA", /rdsiam ca update\./],
    ["Example Proxy CA", /rdsiam ca update, or name/],
  ] as const) {
    const error = failure("SELF_SIGNED_CERT_IN_CHAIN", { ...SHOWN, issuer });
    assert.match(error.hint ?? "", hint);
  }
});

test("tlsError() is ERR_TLS for everything but a verification", () => {
  const details: Readonly<Record<string, RegExp>> = {
    ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: /^The server offers no TLS version from 1\.2 on/,
    ERR_SSL_UNSUPPORTED_PROTOCOL: /^The server offers no TLS version from 1\.2 on/,
    ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: /^The TLS handshake ended with ERR_SSL_SSLV3_ALERT_BAD/,
    ECONNRESET: /^The TLS handshake ended with ECONNRESET\./,
    "": /^The connection was closed during the TLS handshake\./,
  };
  for (const [code, detail] of Object.entries(details)) {
    const error = failure(code === "" ? undefined : code);
    assert.equal(error.code, "ERR_TLS");
    assert.match(error.detail ?? "", detail);
    assert.match(error.detail ?? "", / No auth token was sent\.$/);
  }
});

test("rememberCertificate() keeps what the runtime forgets, printable and short", () => {
  const subject = { CN: `\x1b[31mred"\n${"x".repeat(300)}` };
  const certificate = { subject, issuer: { O: "Órg" }, valid_from: "junk", valid_to: "junk" };
  let destroyed = 0;
  const socket = {
    getPeerCertificate: () => certificate as unknown as PeerCertificate,
    destroy: () => void (destroyed += 1),
  } as unknown as TLSSocket;
  const presented = rememberCertificate(socket);
  assert.equal(presented(), undefined);
  socket.destroy(new Error("not verified"));
  assert.equal(destroyed, 1);
  assert.match(presented()?.subject ?? "", /^\?\[31mred\?\?x{85,}\.\.\.$/);
  assert.equal(presented()?.issuer, "?rg");
  const { detail = "" } = failure("CERT_HAS_EXPIRED", presented());
  assert.match(detail, /It expired\. /);
});
