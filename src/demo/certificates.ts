// Certificates for the stand-in: roots, intermediates and leaves, as PEM, on curve P-256.
// Everything that a test may want wrong can be chosen: names, dates, issuer.
// https://www.rfc-editor.org/rfc/rfc5280#section-4.2
import "./reflect-metadata.ts";

import { Buffer } from "node:buffer";
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";

import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" };
const DAY = 86_400_000;

/** A certificate with its private key, both PEM, and what is needed to issue others with it. */
export interface Certificate {
  readonly cert: string;
  /** PKCS #8. */
  readonly key: string;
  readonly subject: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** Who a certificate is for and how long it is valid; the default is from yesterday for thirty days. */
export interface CertificateOptions {
  /** A distinguished name such as `CN=orders.example.com`. */
  readonly subject: string;
  readonly notBefore?: Date | undefined;
  readonly notAfter?: Date | undefined;
  /** The certificate that signs; self-signed without it. */
  readonly issuer?: Certificate | undefined;
}

/** A leaf's options: the DNS names, IP addresses and URIs of its subjectAltName, and whether a client shows it. */
export interface LeafOptions extends CertificateOptions {
  readonly names: readonly string[];
  readonly client?: boolean | undefined;
}

/** Makes a CA: a root, or an intermediate when an issuer is given. */
export async function makeAuthority(options: CertificateOptions): Promise<Certificate> {
  const { keyCertSign, cRLSign } = x509.KeyUsageFlags;
  return await issue(options, [
    new x509.BasicConstraintsExtension(true, undefined, true),
    // eslint-disable-next-line no-bitwise -- key usage is a bit set
    new x509.KeyUsagesExtension(keyCertSign | cRLSign, true),
  ]);
}

/** Makes a server's certificate for the given names, or a client's. */
export async function makeLeaf(options: LeafOptions): Promise<Certificate> {
  const names = options.names.map((value) => ({ type: nameType(value), value }));
  const { clientAuth, serverAuth } = x509.ExtendedKeyUsage;
  return await issue(options, [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([options.client === true ? clientAuth : serverAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ]);
}

function nameType(value: string): "dns" | "ip" | "url" {
  if (value.includes("://")) return "url";
  return isIP(value) === 0 ? "dns" : "ip";
}

async function issue(
  options: CertificateOptions,
  extensions: readonly x509.Extension[],
): Promise<Certificate> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const signer = options.issuer?.keys ?? keys;
  const made = await x509.X509CertificateGenerator.create(
    {
      subject: options.subject,
      issuer: options.issuer?.subject ?? options.subject,
      serialNumber: randomSerial(),
      notBefore: options.notBefore ?? new Date(Date.now() - DAY),
      notAfter: options.notAfter ?? new Date(Date.now() + 30 * DAY),
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      signingAlgorithm: SIGNING_ALGORITHM,
      extensions: [
        ...extensions,
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
        await x509.AuthorityKeyIdentifierExtension.create(signer.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
  return { cert: `${made.toString("pem")}\n`, key: `${key}\n`, subject: options.subject, keys };
}

// RFC 5280 4.1.2.2: positive, and no longer than 20 octets.
function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `4${Buffer.from(bytes).toString("hex").slice(1)}`;
}
