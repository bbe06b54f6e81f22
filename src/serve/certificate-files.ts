// The certificate that TLS is served with, from files that may be renewed while we run. They are checked when a connection
// needs them, not watched: a renewal often replaces a symbolic link, and a watcher would stay on the old file.
// A new file that is not valid (or only half written) leaves the previous certificate in use, with a warning.
import { statSync } from "node:fs";
import { stat } from "node:fs/promises";
import process from "node:process";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import {
  type CertificateFiles,
  loadServerCertificate,
  type ServerCertificate,
  warnOfExpiry,
} from "../base/server-certificate.ts";
import { shellCommand } from "../system/shell-word.ts";

/** Loads the files, and returns a function for their content from then on; warns of an invalid renewal, and of an expired certificate. Rejects with ERR_CERTIFICATE when they are not valid now. */
export async function followCertificate(
  files: CertificateFiles,
  warn: (message: string) => void,
): Promise<() => Promise<ServerCertificate>> {
  let state = stateOf(files);
  let current = await load(files, warn);
  let loading = Promise.resolve();
  const reload = async (): Promise<void> => {
    try {
      current = await load(files, warn);
    } catch (error) {
      const reason = error instanceof RdsIamError ? error.message : String(error);
      warn(`${reason}; the previous certificate stays in use`);
    }
  };
  return async () => {
    const seen = stateOf(files);
    if (seen !== state) loading = loading.then(reload);
    state = seen;
    await loading;
    return current;
  };
}

// At once: a login would wait longer for the threads that read files for others.
function stateOf({ cert, key, clientCa }: CertificateFiles): string {
  const names = clientCa === undefined ? [cert, key] : [cert, key, clientCa];
  const states = names.map((name) => {
    try {
      const { ino, size, mtimeMs, ctimeMs } = statSync(name);
      return [ino, size, mtimeMs, ctimeMs].join(":");
    } catch (error) {
      return errorCode(error);
    }
  });
  return states.join(" ");
}

async function load(
  files: CertificateFiles,
  warn: (message: string) => void,
): Promise<ServerCertificate> {
  const certificate = await loadServerCertificate(files);
  await refuseReadableKey(files.key);
  warnOfExpiry(certificate, files.cert, warn);
  return certificate;
}

// PostgreSQL's own rule for ssl_key_file: 0600, or 0640 when it is root's and not root serves it.
async function refuseReadableKey(file: string): Promise<void> {
  const { mode, uid } = await stat(file);
  const others = uid === 0 && process.geteuid?.() !== 0 ? 0o037 : 0o077;
  if (process.platform === "win32" || (mode & others) === 0) return;
  throw new RdsIamError(`others can read the key in ${file}`, {
    code: "ERR_CERTIFICATE",
    detail: "With it they could pose as this proxy.",
    hint: shellCommand`Run: chmod 600 ${file} (or 640 if root owns it and rdsiam runs as another user)`,
  });
}
