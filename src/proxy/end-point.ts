// The channel binding `tls-server-end-point`: a hash of the certificate that TLS was served with, made with the hash of the
// certificate's own signature. The runtimes do not all tell which that is, so it is read from the DER.
// https://www.rfc-editor.org/rfc/rfc5929#section-4.1, https://www.rfc-editor.org/rfc/rfc5280#section-4.1
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";

// By the DER of the signature algorithm's OID. MD5 and SHA-1 count as SHA-256; what has no one hash (Ed25519, RSA-PSS) has no
// place here, and libpq could not make the binding either.
const HASHES: ReadonlyMap<string, string> = new Map([
  ["2a864886f70d010104", "sha256"], // md5WithRSAEncryption
  ["2a864886f70d010105", "sha256"], // sha1WithRSAEncryption
  ["2a864886f70d01010b", "sha256"], // sha256WithRSAEncryption
  ["2a864886f70d01010c", "sha384"],
  ["2a864886f70d01010d", "sha512"],
  ["2a8648ce3d0401", "sha256"], // ecdsa-with-SHA1
  ["2a8648ce3d040302", "sha256"], // ecdsa-with-SHA256
  ["2a8648ce3d040303", "sha384"],
  ["2a8648ce3d040304", "sha512"],
]);

/** The binding data of a certificate (PEM, the first where there are more); undefined where its signature has no one hash. */
export function serverEndPoint(certificate: string): Buffer | undefined {
  const { raw } = new X509Certificate(certificate);
  const hash = HASHES.get(signatureAlgorithm(raw).toString("hex"));
  return hash === undefined ? undefined : createHash(hash).update(raw).digest();
}

// Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, ... }, ... }
function signatureAlgorithm(der: Buffer): Buffer {
  const certificate = valueAt(der, 0);
  const toBeSigned = valueAt(der, certificate.start);
  const algorithm = valueAt(der, toBeSigned.end);
  const { start, end } = valueAt(der, algorithm.start);
  return Buffer.from(der.subarray(start, end));
}

function valueAt(der: Buffer, offset: number): { readonly start: number; readonly end: number } {
  const first = der[offset + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first - 0x80;
  const start = offset + 2 + lengthBytes;
  const length = lengthBytes === 0 ? first : der.readUIntBE(offset + 2, lengthBytes);
  return { start, end: start + length };
}
