// The files of a relay: its configuration, its certificate and key, the CAs of its clients. They are polled rather than
// watched, because Kubernetes changes mounted files by moving a symbolic link, which watchers miss.

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import { parseOwnFile } from "../config/own-file.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { pemBlocks } from "../rds/ca-store.ts";
import { readRelayConfig, type RelayConfig } from "./config.ts";
import type { RelayTls } from "./server.ts";

const INTERVAL = 2_000; // ms between two polls

/** The names of the files. */
export interface RelayFileNames {
  readonly config: string;
  readonly tlsCert: string;
  readonly tlsKey: string;
  readonly tlsClientCa: string | undefined;
}

/** Reads and checks a relay's configuration file. */
export async function loadRelayConfig(file: string): Promise<RelayConfig> {
  return readRelayConfig(parseOwnFile(await readText(file, "--config"), file), file);
}

/** Reads and checks certificate, key and CAs. */
export async function loadRelayTls(names: Omit<RelayFileNames, "config">): Promise<RelayTls> {
  const { tlsCert, tlsKey, tlsClientCa } = names;
  const cert = await readText(tlsCert, "--tls-cert");
  const key = await readText(tlsKey, "--tls-key");
  const ca = tlsClientCa === undefined ? undefined : await readCas(tlsClientCa);
  const detail = whyNotAPair(cert, key);
  if (detail !== undefined) {
    throw new RdsIamError(`${tlsCert} and ${tlsKey} are not a certificate and its key`, {
      code: "ERR_CONFIG",
      detail,
      hint: "Both must be PEM files; that of the certificate has the intermediate certificates after it.",
    });
  }
  return { cert, key, ca };
}

// TLS takes an empty text for the absence of a certificate, and would fail each handshake later.
function whyNotAPair(cert: string, key: string): string | undefined {
  try {
    createSecureContext({ cert, key });
    const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    return isPair ? undefined : "The key belongs to another certificate.";
  } catch (error) {
    return `TLS reports ${errorCode(error, "no error code")}.`;
  }
}

/** Whether a certificate is valid for a name or an address. */
export function certificateIsFor(cert: string, name: string): boolean {
  const certificate = new X509Certificate(cert);
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

/** Calls back when the content of one of the files has changed, and waits for it before the next poll. */
export function watchRelayFiles(
  names: RelayFileNames,
  onChange: () => Promise<void>,
): AsyncDisposable {
  const files = Object.values(names).filter((file: string | undefined) => file !== undefined);
  const stop = new AbortController();
  const watch = async (): Promise<void> => {
    let last = await contents(files);
    for (;;) {
      await delay(INTERVAL, undefined, { signal: stop.signal }).catch(() => {});
      const now = await contents(files);
      if (stop.signal.aborted) return;
      if (now === undefined || now === last) continue;
      last = now;
      await onChange();
    }
  };
  const watching = watch();
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await watching;
    },
  };
}

// Undefined while a file is missing or being written; the next poll reads it.
async function contents(files: readonly string[]): Promise<string | undefined> {
  try {
    return (await Promise.all(files.map((file) => readFile(file, "latin1")))).join("\0");
  } catch {
    return undefined;
  }
}

async function readCas(file: string): Promise<readonly string[]> {
  const text = await readText(file, "--tls-client-ca");
  const found = pemBlocks(text);
  try {
    for (const each of found) new X509Certificate(each);
  } catch (cause) {
    throw noCa(file, cause);
  }
  // An empty list would mean the system's CAs: everyone with a certificate of theirs.
  if (found.length === 0) throw noCa(file);
  return found;
}

function noCa(file: string, cause?: unknown): RdsIamError {
  return new RdsIamError(`${file} has no CA certificates for the clients`, {
    code: "ERR_CONFIG",
    hint: "Name a PEM file with --tls-client-ca.",
    cause,
  });
}

async function readText(file: string, option: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new RdsIamError(`cannot read ${file}: ${errorCode(cause)}`, {
      code: "ERR_CONFIG",
      hint: `Check ${option}.`,
      cause,
    });
  }
}
