// The servers that are not the database: what each of them does, and what the tool must say about it.
import { Buffer } from "node:buffer";
import type { Certificate } from "../../src/demo/certificates.ts";
import { errorResponse, type FakeRdsOptions } from "./fake-rds.ts";
import { RUNTIME } from "./program.ts";
import { type Certificates, HOST } from "./trust-scene.ts";

// Deno verifies inside its TLS library and tells neither the certificate nor the dates.
const DESCRIBES = RUNTIME !== "deno";
/** Words that must not reach the tool. */
export const NOT_ECHOED = "words-of-an-impostor";

/** A server that must not get the auth token. */
export interface Impostor {
  readonly server: (certificates: Certificates) => FakeRdsOptions;
  /** What the tool must say: the failure, DETAIL, HINT. */
  readonly says: readonly RegExp[];
}

function withCertificate(choose: (certificates: Certificates) => Certificate): Impostor["server"] {
  return (certificates) => {
    const { cert, key } = choose(certificates);
    return { answer: "S", tls: { cert, key } };
  };
}

function untrusted(reason: RegExp, denoReason = /It does not chain to a trusted root/): RegExp[] {
  return [
    new RegExp(`the certificate of ${HOST} is not trusted`),
    DESCRIBES ? reason : denoReason,
    /Trusted CAs: the certificates in .*root\.pem\. No auth token was sent\./,
  ];
}

/** Options of a server or a client that speaks TLS 1.1 and nothing else. */
export const TLS_1_1 = {
  minVersion: "TLSv1.1",
  maxVersion: "TLSv1.1",
  ciphers: "DEFAULT@SECLEVEL=0",
} as const;

const NO_TLS = /does not offer TLS as PostgreSQL on RDS does/;
const PRESENTED = `DETAIL: +The server presented a certificate of "${HOST}", issued by`;
const WRONG_NAME = /certificate of ".*", issued by "Test Root CA"\. It is for DNS:.*, not for /;

/** The impostors by what gives them away. */
export const IMPOSTORS: Readonly<Record<string, Impostor>> = {
  "answers N": {
    server: () => ({ answer: "N" }),
    says: [NO_TLS, /DETAIL: .*there is no TLS at this port\. No auth token was sent/, /HINT: /],
  },
  "answers an ErrorResponse": {
    server: () => ({ answer: errorResponse(NOT_ECHOED) }),
    says: [NO_TLS, /DETAIL: .*with an error\. No auth token was sent/, /HINT: /],
  },
  "stuffs bytes behind S": {
    server: ({ good }) => ({
      answer: Buffer.concat([Buffer.from("S"), errorResponse(NOT_ECHOED)]),
      tls: { cert: good.cert, key: good.key },
    }),
    says: [NO_TLS, /DETAIL: .*sent data before TLS had started\. No auth token/, /HINT: /],
  },
  "answers something else": {
    server: () => ({ answer: NOT_ECHOED }),
    says: [NO_TLS, /DETAIL: .*something other than S or N\. No auth token/, /HINT: /],
  },
  "offers TLS 1.1 only": {
    server: ({ good }) => ({ answer: "S", tls: { cert: good.cert, key: good.key, ...TLS_1_1 } }),
    says: [
      /TLS with .* failed/,
      /DETAIL: .*no TLS version from 1\.2 on/,
      /HINT: +TLS 1\.2 or newer/,
    ],
  },
  "has a self-signed certificate": {
    server: withCertificate(({ selfSigned }) => selfSigned),
    says: [
      ...untrusted(
        new RegExp(`${PRESENTED} "${HOST}"\\. It is signed by itself`),
        /signed by itself/,
      ),
      /HINT: .*--sslrootcert/,
    ],
  },
  "has an expired certificate": {
    server: withCertificate(({ expired }) => expired),
    says: [
      ...untrusted(
        /issued by "Test Root CA"\. It expired on \d{4}-\d\d-\d\dT/,
        /or its dates are wrong/,
      ),
      /HINT: /,
    ],
  },
  "has a certificate that is not yet valid": {
    server: withCertificate(({ notYetValid }) => notYetValid),
    says: [
      ...untrusted(/It is not valid yet, only from \d{4}-\d\d-\d\dT/, /or its dates are wrong/),
      /HINT: /,
    ],
  },
  "has a certificate for another name": {
    server: withCertificate(({ wrongName }) => wrongName),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: .*not the one that the canonical name/],
  },
  "has the right name in the subject alone": {
    server: withCertificate(({ nameInSubject }) => nameInSubject),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: /],
  },
  "has the certificate of a look-alike name": {
    server: withCertificate(({ lookalike }) => lookalike),
    says: [...untrusted(WRONG_NAME, WRONG_NAME), /HINT: /],
  },
  "has the right name from another root": {
    server: withCertificate(({ wrongRoot }) => wrongRoot),
    says: [
      ...untrusted(
        new RegExp(`${PRESENTED} "Interception CA"\\. It does not chain to a trusted root`),
      ),
      /HINT: .*--sslrootcert FILE .*TLS inspection/,
    ],
  },
  "leaves out its intermediate certificate": {
    server: withCertificate(({ deep }) => deep),
    says: [
      ...untrusted(/issued by "Test Intermediate CA"\. .*left out an intermediate certificate/),
      /HINT: /,
    ],
  },
};
