// The files of a relay: its configuration and, read elsewhere, its certificate, key and CAs. They are polled rather than
// watched, because Kubernetes changes mounted files by moving a symbolic link, which watchers miss.

import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { parseOwnFile } from "../config/own-file.ts";
import { errorCode } from "../base/errno.ts";
import { RdsIamError } from "../base/errors.ts";
import { readRelayConfig, type RelayConfig } from "./config.ts";

const INTERVAL = 2_000; // ms between two polls

/** Reads and checks a relay's configuration file. */
export async function loadRelayConfig(file: string): Promise<RelayConfig> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new RdsIamError(`cannot read ${file}: ${errorCode(cause)}`, {
      code: "ERR_CONFIG",
      hint: "Check --config.",
      cause,
    });
  });
  return readRelayConfig(parseOwnFile(text, file), file);
}

/** Whether a certificate is valid for a name or an address. */
export function certificateIsFor(cert: string, name: string): boolean {
  const certificate = new X509Certificate(cert);
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

/** Calls back when the content of one of the files has changed, and waits for it before the next poll. */
export function watchRelayFiles(
  files: readonly string[],
  onChange: () => Promise<void>,
): AsyncDisposable {
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
