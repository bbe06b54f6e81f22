// The certificate that TLS is served with, from files that may be renewed while we run. They are checked when a connection
// needs them, not watched: a renewal often replaces a symbolic link, and a watcher would stay on the old file.
// A new file that is not valid (or only half written) leaves the previous certificate in use, with a warning.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";

/** The names of PEM files. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** The CAs of the client certificates, where clients must have one. */
  readonly clientCa: string | undefined;
}

/** Their content: PEM, checked. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  readonly clientCa: readonly string[] | undefined;
}

/** Loads the files, and returns a function for their content from then on; warns of an invalid renewal, and of an expired certificate. Rejects with ERR_CERTIFICATE when they are not valid now. */
export async function followCertificate(
  files: CertificateFiles,
  warn: (message: string) => void,
): Promise<() => Promise<ServerCertificate>> {
  let state = await stateOf(files);
  let current = await load(files, warn);
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    const seen = await stateOf(files);
    if (seen === state) return;
    state = seen;
    try {
      current = await load(files, warn);
    } catch (error) {
      const reason = error instanceof RdsIamError ? error.message : String(error);
      warn(`${reason}; the previous certificate stays in use`);
    }
  };
  return async () => {
    await (looking ??= look().finally(() => (looking = undefined)));
    return current;
  };
}

async function stateOf({ cert, key, clientCa }: CertificateFiles): Promise<string> {
  const names = clientCa === undefined ? [cert, key] : [cert, key, clientCa];
  const states = names.map(async (name) => {
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(name);
      return [ino, size, mtimeMs, ctimeMs].join(":");
    } catch (error) {
      return errorCode(error);
    }
  });
  return (await Promise.all(states)).join(" ");
}

async function load(
  files: CertificateFiles,
  warn: (message: string) => void,
): Promise<ServerCertificate> {
  const cert = await read(files.cert, "certificate");
  const [leaf] = certificatesIn(cert, files.cert);
  const key = await read(files.key, "key");
  await refuseReadableKey(files.key);
  if (leaf?.checkPrivateKey(privateKey(key, files.key)) !== true)
    throw wrong(`the key in ${files.key} does not belong to the certificate in ${files.cert}`);
  const validTo = Date.parse(leaf.validTo);
  if (validTo < Date.now())
    warn(`the certificate in ${files.cert} expired on ${new Date(validTo).toISOString()}`);
  const ca = files.clientCa;
  if (ca === undefined) return { cert, key, clientCa: undefined };
  const clientCa = certificatesIn(await read(ca, "certificate"), ca).map((each) => each.toString());
  return { cert, key, clientCa };
}

async function read(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, "latin1");
  } catch (error) {
    throw wrong(`cannot read the ${what} file ${file}: ${errorCode(error)}`, error);
  }
}

function certificatesIn(text: string, file: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw wrong(`there is no certificate in ${file}`);
  try {
    return blocks.map((pem) => new X509Certificate(pem));
  } catch (error) {
    throw wrong(`a certificate in ${file} cannot be read`, error);
  }
}

function privateKey(pem: string, file: string): ReturnType<typeof createPrivateKey> {
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

// PostgreSQL's own rule for ssl_key_file: 0600, or 0640 when it is root's.
async function refuseReadableKey(file: string): Promise<void> {
  const { mode, uid } = await stat(file);
  const others = uid === 0 && process.geteuid?.() !== 0 ? 0o037 : 0o077;
  if (process.platform === "win32" || (mode & others) === 0) return;
  throw new RdsIamError(`others can read the key in ${file}`, {
    code: "ERR_CERTIFICATE",
    detail: "With it they could pose as this proxy.",
    hint: `Run: chmod 600 ${file} (0640 is enough where the file is root's)`,
  });
}

function wrong(message: string, cause?: unknown): RdsIamError {
  return new RdsIamError(message, {
    code: "ERR_CERTIFICATE",
    hint: "Check --tls-cert, --tls-key and --tls-client-ca: PEM files, the key not encrypted.",
    cause,
  });
}
