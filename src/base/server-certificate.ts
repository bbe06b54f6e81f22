// Reads the PEM files of a TLS server: its certificate, its key, and the CAs of its clients.
import type { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext, type SecureContext } from "node:tls";
import { errorCode } from "./errno.ts";
import { RdsIamError } from "./errors.ts";
import { pemCertificates } from "./pem.ts";

/** The names of the files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** The CAs of the client certificates, where clients have them. */
  readonly clientCa: string | undefined;
}

/** Their content: PEM, checked. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  /** The first certificate, in DER. */
  readonly leaf: Buffer;
  /** Serves TLS 1.2 or newer with them; made once, since to read them again costs a quarter of a login. */
  readonly context: SecureContext;
  /** One certificate each; never empty, which would mean the system's CAs: everyone with a certificate of theirs. */
  readonly clientCa: readonly string[] | undefined;
}

/** Reads and checks the files; ERR_CERTIFICATE when TLS could not use them. */
export async function loadServerCertificate(files: CertificateFiles): Promise<ServerCertificate> {
  const cert = await read(files.cert, "certificate");
  const [leaf] = certificatesIn(cert, files.cert);
  const key = await read(files.key, "key");
  if (leaf?.checkPrivateKey(privateKey(key, files.key)) !== true) {
    throw wrong(`the key in ${files.key} does not belong to the certificate in ${files.cert}`);
  }
  let context: SecureContext;
  try {
    context = createSecureContext({ cert, key, minVersion: "TLSv1.2" });
  } catch (error) {
    throw wrong(`TLS cannot use the certificate in ${files.cert}: ${errorCode(error)}`, error);
  }
  const ca = files.clientCa;
  const clientCa =
    ca === undefined
      ? undefined
      : certificatesIn(await read(ca, "certificate"), ca).map((each) => each.toString());
  return { cert, key, leaf: leaf.raw, context, clientCa };
}

/** Warns of a certificate in `file` that has expired. */
export function warnOfExpiry(
  { leaf }: ServerCertificate,
  file: string,
  warn: (message: string) => void,
): void {
  const validTo = Date.parse(new X509Certificate(leaf).validTo);
  if (validTo < Date.now())
    warn(`the certificate in ${file} expired on ${new Date(validTo).toISOString()}`);
}

async function read(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch (error) {
    throw wrong(`cannot read the ${what} file ${file}: ${errorCode(error)}`, error);
  }
}

function certificatesIn(text: string, file: string): readonly X509Certificate[] {
  const found = pemCertificates(text, (number, error) =>
    wrong(`certificate ${number} in ${file} cannot be read`, error),
  );
  if (found.length === 0) throw wrong(`there is no certificate in ${file}`);
  return found.map(({ certificate }) => certificate);
}

function privateKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const isEncrypted = /ENCRYPTED/.test(pem);
    throw wrong(
      isEncrypted ? `the key in ${file} is encrypted` : `there is no private key in ${file}`,
      error,
    );
  }
}

function wrong(message: string, cause?: unknown): RdsIamError {
  return new RdsIamError(message, {
    code: "ERR_CERTIFICATE",
    hint: "Check --tls-cert, --tls-key and --tls-client-ca: PEM files, the key not encrypted.",
    cause,
  });
}
