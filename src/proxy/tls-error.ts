// The error for a failed TLS start: whose certificate the backend presented, what is wrong with it, what was trusted.
// Error codes decide, never texts: the runtimes word them differently and Node adds advice about itself. Deno shows no
// more than that verification failed, not even for an expired certificate, and keeps the certificate to itself.
// https://nodejs.org/api/tls.html#x509-certificate-error-codes
import type { PeerCertificate, TLSSocket } from "node:tls";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

const LONGEST_NAME = 100; // characters of a name that is not verified
const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
const SELF_SIGNED = "DEPTH_ZERO_SELF_SIGNED_CERT";
const UNTRUSTED = new Set([
  "CERT_UNTRUSTED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Who was to be verified, and with what. */
export interface Trust {
  readonly host: string;
  /** What was trusted, for messages. */
  readonly trust: string;
  /** What was not sent, for messages: an auth token when absent. */
  readonly secret?: "auth token" | "password" | undefined;
  /** The remedies for a server that is not the database itself. */
  readonly hints?: { readonly certificate: string; readonly noTls: string } | undefined;
}

/** The certificate that a peer showed; its texts are the peer's own and not to be trusted. */
export interface PresentedCertificate {
  readonly subject: string;
  readonly issuer: string;
  /** As in `DNS:a.example.com, DNS:b.example.com`. */
  readonly names: string;
  /** Milliseconds since 1970; NaN when they cannot be read. */
  readonly validFrom: number;
  readonly validTo: number;
}

/** Keeps a TLS socket's certificate for the time after a failed verification, where the runtime shows it. */
export function rememberCertificate(secured: TLSSocket): () => PresentedCertificate | undefined {
  let presented: PresentedCertificate | undefined;
  const destroy = secured.destroy.bind(secured);
  // Node and Bun verify when the handshake is over and then destroy the socket, which forgets the certificate.
  secured.destroy = (error) => {
    if (error !== undefined) presented ??= readCertificate(secured.getPeerCertificate());
    return destroy(error);
  };
  return () => presented;
}

/** The error for a TLS connection that did not come up: ERR_CERTIFICATE when the verification failed, else ERR_TLS. */
export function tlsError(
  trust: Trust,
  error: Error,
  presented?: PresentedCertificate,
): RdsIamError {
  const code = errorCode(error, "");
  const shown = presented ?? readCertificate((error as { cert?: PeerCertificate }).cert);
  if (isVerification(code)) return certificateError(trust, error, code, shown);
  return new RdsIamError(`TLS with ${trust.host} failed`, {
    code: "ERR_TLS",
    detail: `${handshakeFailure(code)} ${notSent(trust)}`,
    hint: "TLS 1.2 or newer is needed; check that nothing on the way intercepts or cuts the connection.",
    cause: error,
  });
}

// X509_V_ERR_* without its prefix, as all runtimes have it; OpenSSL's own begin with ERR_, the system's have no underscore.
function isVerification(code: string): boolean {
  return code === WRONG_NAME || (/^[A-Z]+(_[A-Z]+)+$/.test(code) && !code.startsWith("ERR_"));
}

function handshakeFailure(code: string): string {
  if (code === "") return "The connection was closed during the TLS handshake.";
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) {
    return `The server offers no TLS version from 1.2 on (${code}).`;
  }
  return `The TLS handshake ended with ${clean(code)}.`;
}

function certificateError(
  trust: Trust,
  cause: Error,
  code: string,
  shown: PresentedCertificate | undefined,
): RdsIamError {
  const { reason, hint } = explain(trust, code, shown);
  const whose =
    shown === undefined
      ? "The server presented a certificate that this runtime does not describe."
      : `The server presented a certificate of "${shown.subject}", issued by "${shown.issuer}".`;
  return new RdsIamError(`the certificate of ${trust.host} is not trusted`, {
    code: "ERR_CERTIFICATE",
    detail: `${whose} ${reason} Trusted CAs: ${trust.trust}. ${notSent(trust)}`,
    hint,
    cause,
  });
}

const OTHER_CA =
  "If the issuer is a CA of RDS that rdsiam does not know yet, run: rdsiam ca update, or name its bundle with --sslrootcert " +
  "FILE or rds_sslrootcert; if it is a company's own, have the database's host left out of TLS inspection.";

// Only the name that the certificate gives itself: a hint, and no more trust than before.
function hintFor(issuer: string | undefined): string {
  const region = /^Amazon RDS ([a-z]+(?:-[a-z]+)+-\d+) /.exec(issuer ?? "")?.[1];
  if (issuer?.startsWith("Amazon RDS ") !== true) return OTHER_CA;
  const only = region === undefined ? "" : ` --region ${region}`;
  return (
    `The issuer calls itself a CA of RDS: get AWS's current bundle with: rdsiam ca update${only}. Where --sslrootcert or ` +
    "rds_sslrootcert names a file, only that file is used."
  );
}

/** The sentence that the secret has not left this machine. */
export function notSent({ secret = "auth token" }: Pick<Trust, "secret">): string {
  return `No ${secret} was sent.`;
}

function explain(
  { hints, host, secret }: Trust,
  code: string,
  shown: PresentedCertificate | undefined,
): { reason: string; hint: string } {
  if (code === WRONG_NAME) {
    return {
      reason: `It is for ${shown === undefined || shown.names === "" ? "another name" : shown.names}, not for ${host}.`,
      hint:
        hints?.certificate ??
        (secret === "password"
          ? "The server is not the one that the name belongs to; check the DNS answer or the tunnel. If you know the certificate's name for the right one, give it: --sign-host NAME."
          : "The server is not the one that the canonical name belongs to; check the DNS answer or the tunnel."),
    };
  }
  if (code === "CERT_HAS_EXPIRED") {
    return {
      reason: `It expired${dateText(" on ", shown?.validTo)}.`,
      hint: "Check this machine's clock with: date -u. If it is right, the database needs a new certificate (aws rds modify-db-instance --ca-certificate-identifier).",
    };
  }
  if (code === "CERT_NOT_YET_VALID") {
    return {
      reason: `It is not valid yet${dateText(", only from ", shown?.validFrom)}.`,
      hint: "Check this machine's clock with: date -u.",
    };
  }
  return { reason: untrusted(code, shown), hint: hints?.certificate ?? hintFor(shown?.issuer) };
}

function untrusted(code: string, shown: PresentedCertificate | undefined): string {
  if (code === SELF_SIGNED || (shown !== undefined && shown.subject === shown.issuer)) {
    return "It is signed by itself.";
  }
  if (!UNTRUSTED.has(code)) return `The verification ended with ${clean(code)}.`;
  if (shown === undefined) return "It does not chain to a trusted root, or its dates are wrong.";
  return "It does not chain to a trusted root, or the server left out an intermediate certificate.";
}

function dateText(before: string, time = Number.NaN): string {
  return Number.isNaN(time) ? "" : `${before}${new Date(time).toISOString()}`;
}

function readCertificate(
  certificate: PeerCertificate | null | undefined,
): PresentedCertificate | undefined {
  // Without one the runtimes answer null or an empty object.
  if (certificate?.subject === undefined) return undefined;
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    names: clean(certificate.subjectaltname ?? ""),
    validFrom: Date.parse(certificate.valid_from),
    validTo: Date.parse(certificate.valid_to),
  };
}

// A name may be given twice: then Node answers an array.
function nameOf(name: Partial<PeerCertificate["subject"]> | undefined): string {
  return clean(String(name?.CN ?? name?.O ?? "no name"));
}

function clean(text: string): string {
  const printable = text.replaceAll(/[^\x20-\x7e]|"/g, "?").trim();
  return printable.length > LONGEST_NAME ? `${printable.slice(0, LONGEST_NAME)}...` : printable;
}
